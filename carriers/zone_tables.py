"""Which region and which postcode keeps which time, in countries that keep several. Data; read by `carriers.zones`.

What the law says counts, not local custom, because carriers' systems go by the law. A region or a group of postcodes
that keeps several times has several zones. Names of zones and their rules: the IANA time zone database. The limits of
US postcodes follow 49 CFR 71; those of Canada, Australia, Brazil, Mexico, Russia and Indonesia their posts' lists of
areas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

# Country -> its one legal time, where the time zone database tells more than the law does, or nothing.
LEGAL: Final[Mapping[str, tuple[str, ...]]] = {
    "CN": ("Asia/Shanghai",),
    "UA": ("Europe/Kyiv",),
    "XK": ("Europe/Belgrade",),
}

# Country -> rows of (zones, codes and names of the regions that keep them).
REGIONS: Final[Mapping[str, Sequence[tuple[tuple[str, ...], str]]]] = {
    "US": (
        (
            ("America/New_York",),
            "CT, Connecticut, DC, District of Columbia, Washington DC, DE, Delaware, GA, Georgia, MA, Massachusetts, "
            "MD, Maryland, ME, Maine, NC, North Carolina, NH, New Hampshire, NJ, New Jersey, NY, New York, OH, Ohio, "
            "PA, Pennsylvania, RI, Rhode Island, SC, South Carolina, VA, Virginia, VT, Vermont, WV, West Virginia",
        ),
        (
            ("America/Chicago",),
            "AL, Alabama, AR, Arkansas, IA, Iowa, IL, Illinois, LA, Louisiana, MN, Minnesota, MO, Missouri, "
            "MS, Mississippi, OK, Oklahoma, WI, Wisconsin",
        ),
        (("America/Denver",), "CO, Colorado, MT, Montana, NM, New Mexico, UT, Utah, WY, Wyoming"),
        (("America/Los_Angeles",), "CA, California, WA, Washington, Washington State"),
        (("Pacific/Honolulu",), "HI, Hawaii"),
        (("America/New_York", "America/Chicago"), "FL, Florida, TN, Tennessee"),
        (("America/Detroit", "America/Menominee"), "MI, Michigan"),
        (("America/New_York", "America/Kentucky/Louisville", "America/Chicago"), "KY, Kentucky"),
        (("America/Indiana/Indianapolis", "America/Chicago"), "IN, Indiana"),
        (("America/Chicago", "America/Denver"), "KS, Kansas, ND, North Dakota, NE, Nebraska, SD, South Dakota"),
        (("America/Chicago", "America/Denver"), "TX, Texas"),
        (("America/Boise", "America/Los_Angeles"), "ID, Idaho, OR, Oregon"),
        (("America/Los_Angeles", "America/Denver"), "NV, Nevada"),
        (("America/Phoenix", "America/Denver"), "AZ, Arizona"),
        (("America/Anchorage", "America/Adak"), "AK, Alaska"),
        (("America/Puerto_Rico",), "PR, Puerto Rico"),
        (("America/St_Thomas",), "VI, Virgin Islands, US Virgin Islands"),
        (("Pacific/Guam",), "GU, Guam"),
        (("Pacific/Saipan",), "MP, Northern Mariana Islands"),
        (("Pacific/Pago_Pago",), "AS, American Samoa"),
    ),
    "CA": (
        (("America/St_Johns", "America/Goose_Bay"), "NL, NF, Newfoundland, Newfoundland and Labrador, Labrador"),
        (("America/Halifax",), "NS, Nova Scotia, NB, New Brunswick, PE, PEI, Prince Edward Island"),
        (("America/Toronto", "America/Halifax", "America/Blanc-Sablon"), "QC, PQ, Quebec"),
        (("America/Toronto", "America/Winnipeg", "America/Atikokan"), "ON, Ontario"),
        (("America/Winnipeg",), "MB, Manitoba"),
        (("America/Regina", "America/Edmonton", "America/Winnipeg"), "SK, Saskatchewan"),
        (("America/Edmonton",), "AB, Alberta"),
        (
            ("America/Vancouver", "America/Edmonton", "America/Creston", "America/Dawson_Creek", "America/Fort_Nelson"),
            "BC, British Columbia",
        ),
        (("America/Whitehorse", "America/Dawson"), "YT, YK, Yukon, Yukon Territory"),
        (("America/Edmonton", "America/Inuvik"), "NT, Northwest Territories"),
        (
            (
                "America/Iqaluit",
                "America/Rankin_Inlet",
                "America/Resolute",
                "America/Cambridge_Bay",
                "America/Atikokan",
            ),
            "NU, Nunavut",
        ),
    ),
    "AU": (
        (("Australia/Sydney",), "ACT, Australian Capital Territory"),
        (("Australia/Sydney", "Australia/Broken_Hill", "Australia/Lord_Howe"), "NSW, New South Wales"),
        (("Australia/Melbourne",), "VIC, Victoria"),
        (("Australia/Brisbane",), "QLD, Queensland"),
        (("Australia/Adelaide",), "SA, South Australia"),
        (("Australia/Perth",), "WA, Western Australia"),
        (("Australia/Hobart",), "TAS, Tasmania"),
        (("Australia/Darwin",), "NT, Northern Territory"),
    ),
    "BR": (
        (
            ("America/Sao_Paulo",),
            "DF, Distrito Federal, ES, Espirito Santo, GO, Goias, MG, Minas Gerais, PR, Parana, RJ, Rio de Janeiro, "
            "RS, Rio Grande do Sul, SC, Santa Catarina, SP, Sao Paulo",
        ),
        (("America/Bahia",), "BA, Bahia"),
        (("America/Maceio",), "AL, Alagoas, SE, Sergipe"),
        (("America/Fortaleza",), "CE, Ceara, MA, Maranhao, PB, Paraiba, PI, Piaui, RN, Rio Grande do Norte"),
        (("America/Recife", "America/Noronha"), "PE, Pernambuco"),
        (("America/Belem",), "AP, Amapa"),
        (("America/Belem", "America/Santarem"), "PA, Para"),
        (("America/Araguaina",), "TO, Tocantins"),
        (("America/Cuiaba",), "MT, Mato Grosso"),
        (("America/Campo_Grande",), "MS, Mato Grosso do Sul"),
        (("America/Porto_Velho",), "RO, Rondonia"),
        (("America/Boa_Vista",), "RR, Roraima"),
        (("America/Manaus", "America/Eirunepe"), "AM, Amazonas"),
        (("America/Rio_Branco",), "AC, Acre"),
    ),
    "MX": (
        (
            ("America/Mexico_City",),
            "AGU, AGS, Aguascalientes, CHP, Chiapas, CMX, CDMX, DIF, DF, Ciudad de Mexico, Mexico City, "
            "Distrito Federal, COL, Colima, GUA, GTO, Guanajuato, GRO, Guerrero, HID, HGO, Hidalgo, JAL, Jalisco, "
            "MEX, Estado de Mexico, State of Mexico, MIC, MICH, Michoacan, MOR, Morelos, OAX, Oaxaca, PUE, Puebla, "
            "QUE, QRO, Queretaro, SLP, San Luis Potosi, TAB, Tabasco, TLA, TLAX, Tlaxcala, VER, Veracruz, "
            "ZAC, Zacatecas",
        ),
        (("America/Merida",), "CAM, CAMP, Campeche, YUC, Yucatan"),
        (("America/Cancun",), "ROO, QROO, Quintana Roo"),
        (("America/Monterrey",), "DUR, DGO, Durango"),
        (
            ("America/Monterrey", "America/Matamoros"),
            "COA, COAH, Coahuila, NLE, NL, Nuevo Leon, TAM, TAMPS, Tamaulipas",
        ),
        (("America/Chihuahua", "America/Ciudad_Juarez", "America/Ojinaga"), "CHH, CHIH, Chihuahua"),
        (("America/Mazatlan",), "BCS, Baja California Sur, SIN, Sinaloa"),
        (("America/Mazatlan", "America/Bahia_Banderas"), "NAY, Nayarit"),
        (("America/Hermosillo",), "SON, Sonora"),
        (("America/Tijuana",), "BCN, BC, Baja California"),
    ),
    "RU": (
        (("Europe/Kaliningrad",), "KGD, Kaliningrad, Kaliningrad Oblast"),
        (
            ("Europe/Moscow",),
            "MOW, Moscow, Moskva, MOS, Moscow Oblast, SPE, Saint Petersburg, St Petersburg, LEN, Leningrad Oblast, "
            "AD, Adygea, ARK, Arkhangelsk, BEL, Belgorod, BRY, Bryansk, CE, Chechnya, CU, Chuvashia, DA, Dagestan, "
            "IN, Ingushetia, IVA, Ivanovo, KB, Kabardino-Balkaria, KL, Kalmykia, KLU, Kaluga, KC, "
            "Karachay-Cherkessia, KR, Karelia, KIR, Kirov, KO, Komi, KOS, Kostroma, KDA, Krasnodar, KRS, Kursk, "
            "LIP, Lipetsk, ME, Mari El, MO, Mordovia, MUR, Murmansk, NEN, Nenets, NIZ, Nizhny Novgorod, "
            "SE, North Ossetia, NGR, Novgorod, ORL, Oryol, PNZ, Penza, PSK, Pskov, ROS, Rostov, RYA, Ryazan, "
            "SMO, Smolensk, STA, Stavropol, TAM, Tambov, TA, Tatarstan, TVE, Tver, TUL, Tula, VLA, Vladimir, "
            "VGG, Volgograd, VLG, Vologda, VOR, Voronezh, YAR, Yaroslavl",
        ),
        (("Europe/Astrakhan",), "AST, Astrakhan"),
        (("Europe/Samara",), "SAM, Samara, UD, Udmurtia"),
        (("Europe/Saratov",), "SAR, Saratov"),
        (("Europe/Ulyanovsk",), "ULY, Ulyanovsk"),
        (
            ("Asia/Yekaterinburg",),
            "BA, Bashkortostan, CHE, Chelyabinsk, KHM, Khanty-Mansi, KGN, Kurgan, ORE, Orenburg, PER, Perm, "
            "SVE, Sverdlovsk, TYU, Tyumen, YAN, Yamalo-Nenets",
        ),
        (("Asia/Omsk",), "OMS, Omsk"),
        (("Asia/Novosibirsk",), "NVS, Novosibirsk"),
        (("Asia/Barnaul",), "ALT, Altai Krai, AL, Altai Republic"),
        (("Asia/Tomsk",), "TOM, Tomsk"),
        (("Asia/Novokuznetsk",), "KEM, Kemerovo"),
        (("Asia/Krasnoyarsk",), "KK, Khakassia, KYA, Krasnoyarsk, TY, Tuva"),
        (("Asia/Irkutsk",), "BU, Buryatia, IRK, Irkutsk"),
        (("Asia/Chita",), "ZAB, Zabaykalsky"),
        (("Asia/Yakutsk",), "AMU, Amur"),
        (("Asia/Yakutsk", "Asia/Vladivostok", "Asia/Srednekolymsk"), "SA, Sakha, Yakutia"),
        (("Asia/Vladivostok",), "KHA, Khabarovsk, PRI, Primorsky, YEV, Jewish Autonomous Oblast"),
        (("Asia/Magadan",), "MAG, Magadan"),
        (("Asia/Sakhalin",), "SAK, Sakhalin"),
        (("Asia/Kamchatka",), "KAM, Kamchatka"),
        (("Asia/Anadyr",), "CHU, Chukotka"),
    ),
    "ID": (
        (
            ("Asia/Jakarta",),
            "AC, Aceh, BB, Bangka Belitung, BE, Bengkulu, BT, Banten, JA, Jambi, JB, Jawa Barat, West Java, "
            "JI, Jawa Timur, East Java, JK, Jakarta, DKI Jakarta, JT, Jawa Tengah, Central Java, KR, Kepulauan Riau, "
            "LA, Lampung, RI, Riau, SB, Sumatera Barat, West Sumatra, SS, Sumatera Selatan, South Sumatra, "
            "SU, Sumatera Utara, North Sumatra, YO, Yogyakarta",
        ),
        (("Asia/Pontianak",), "KB, Kalimantan Barat, West Kalimantan, KT, Kalimantan Tengah, Central Kalimantan"),
        (
            ("Asia/Makassar",),
            "BA, Bali, GO, Gorontalo, KI, Kalimantan Timur, East Kalimantan, KS, Kalimantan Selatan, "
            "South Kalimantan, KU, Kalimantan Utara, North Kalimantan, NB, Nusa Tenggara Barat, West Nusa Tenggara, "
            "NT, Nusa Tenggara Timur, East Nusa Tenggara, SA, Sulawesi Utara, North Sulawesi, SG, Sulawesi Tenggara, "
            "Southeast Sulawesi, SN, Sulawesi Selatan, South Sulawesi, SR, Sulawesi Barat, West Sulawesi, "
            "ST, Sulawesi Tengah, Central Sulawesi",
        ),
        (
            ("Asia/Jayapura",),
            "MA, Maluku, MU, Maluku Utara, North Maluku, PA, Papua, PB, Papua Barat, West Papua, PD, "
            "Papua Barat Daya, PE, Papua Pegunungan, PS, Papua Selatan, PT, Papua Tengah",
        ),
    ),
    "CL": (
        (("America/Coyhaique",), "AI, Aysen"),
        (("America/Punta_Arenas",), "MA, Magallanes"),
        (("America/Santiago", "Pacific/Easter"), "VS, Valparaiso"),
        (
            ("America/Santiago",),
            "AN, Antofagasta, AP, Arica y Parinacota, AR, Araucania, AT, Atacama, BI, Biobio, CO, Coquimbo, "
            "LI, O'Higgins, LL, Los Lagos, LR, Los Rios, ML, Maule, NB, Nuble, RM, Region Metropolitana, "
            "Metropolitana, Santiago, TA, Tarapaca",
        ),
    ),
    "ES": (
        (("Atlantic/Canary",), "CN, Canarias, Canary Islands, GC, Las Palmas, TF, Santa Cruz de Tenerife, Tenerife"),
        (
            ("Europe/Madrid",),
            "AN, Andalucia, AR, Aragon, AS, Asturias, CB, Cantabria, CE, Ceuta, CL, Castilla y Leon, CM, "
            "Castilla-La Mancha, CT, Catalunya, Cataluna, Catalonia, EX, Extremadura, GA, Galicia, IB, Illes Balears, "
            "Baleares, Islas Baleares, MC, Murcia, MD, Madrid, Comunidad de Madrid, ML, Melilla, NC, Navarra, "
            "PV, Pais Vasco, Euskadi, RI, La Rioja, VC, Comunidad Valenciana, Valencia, Barcelona, Sevilla, Malaga, "
            "Zaragoza, Vizcaya, Bizkaia, Alicante",
        ),
    ),
    "PT": (
        (("Atlantic/Madeira",), "30, Madeira"),
        (("Atlantic/Azores",), "20, Acores, Azores"),
        (
            ("Europe/Lisbon",),
            "01, Aveiro, 02, Beja, 03, Braga, 04, Braganca, 05, Castelo Branco, 06, Coimbra, 07, Evora, 08, Faro, "
            "09, Guarda, 10, Leiria, 11, Lisboa, Lisbon, 12, Portalegre, 13, Porto, 14, Santarem, 15, Setubal, "
            "16, Viana do Castelo, 17, Vila Real, 18, Viseu",
        ),
    ),
    "NZ": (
        (("Pacific/Chatham",), "CIT, Chatham Islands, Chatham Island"),
        (
            ("Pacific/Auckland",),
            "AUK, Auckland, BOP, Bay of Plenty, CAN, Canterbury, GIS, Gisborne, HKB, Hawke's Bay, MBH, Marlborough, "
            "MWT, Manawatu-Whanganui, Manawatu, NSN, Nelson, NTL, Northland, OTA, Otago, STL, Southland, "
            "TAS, Tasman, TKI, Taranaki, WKO, Waikato, WGN, Wellington, WTC, West Coast",
        ),
    ),
    "EC": (
        (("Pacific/Galapagos",), "W, Galapagos"),
        (
            ("America/Guayaquil",),
            "A, Azuay, B, Bolivar, C, Carchi, D, Orellana, E, Esmeraldas, F, Canar, G, Guayas, H, Chimborazo, "
            "I, Imbabura, L, Loja, M, Manabi, N, Napo, O, El Oro, P, Pichincha, R, Los Rios, S, Morona Santiago, "
            "SD, Santo Domingo de los Tsachilas, SE, Santa Elena, T, Tungurahua, U, Sucumbios, X, Cotopaxi, "
            "Y, Pastaza, Z, Zamora Chinchipe",
        ),
    ),
}

# Country -> rows of (zones, beginnings of postcodes that keep them). "010-323" stands for all numbers between; the
# longest beginning that fits decides. What is not listed is not known.
POSTCODES: Final[Mapping[str, Sequence[tuple[tuple[str, ...], str]]]] = {
    "US": (
        (
            ("America/New_York",),
            "005 010-089 100-323 326-349 376 378-379 398-400 402-418 425 430-462 466-468 470-474 478 480-497 569",
        ),
        (("America/Puerto_Rico",), "006 007 009"),
        (("America/St_Thomas",), "008"),
        (
            ("America/Chicago",),
            "3240 325 350-372 375 380-397 420-424 463-464 476-477 500-567 570-574 5750 580-584 5850 587 5880 "
            "600-676 679-689 700-797",
        ),
        (
            ("America/New_York", "America/Chicago"),
            "324 373-374 377 401 426-427 465 469 475 479 498-499",
        ),
        (("America/Chicago", "America/Denver"), "575-576 585-586 588 677-678 690-692 798"),
        (("America/Denver",), "577 590-599 693 799 800-834 836-837 840-847 870-884 885"),
        (("America/Phoenix",), "850-859 863-864"),
        (("America/Phoenix", "America/Denver"), "860 865"),
        (("America/Los_Angeles",), "838 889-897 8980 900-908 910-928 930-961 970-978 980-994"),
        (("America/Boise", "America/Los_Angeles"), "835 979"),
        (("America/Los_Angeles", "America/Denver"), "898"),
        (("Pacific/Honolulu",), "967-968"),
        (("Pacific/Pago_Pago",), "96799"),
        (("Pacific/Guam",), "9691-9693"),
        (("Pacific/Saipan",), "9695"),
        (("America/Anchorage",), "995-999"),
        (("America/Adak",), "99546 99547"),
    ),
    "CA": (
        (("America/St_Johns",), "A"),
        (("America/St_Johns", "America/Goose_Bay"), "A0K A0P A0R"),
        (("America/Goose_Bay",), "A2V"),
        (("America/Halifax",), "B C E G4T"),
        (("America/Toronto",), "G H J K L M N P"),
        (("America/Toronto", "America/Blanc-Sablon"), "G0G"),
        (("America/Toronto", "America/Atikokan"), "P0T"),
        (("America/Winnipeg", "America/Atikokan"), "P0V"),
        (("America/Winnipeg",), "P0W P0X P8N P8T P9A P9N R"),
        (("America/Regina",), "S"),
        (("America/Regina", "America/Winnipeg"), "S0P"),
        (("America/Edmonton",), "S9V T V0A V1A V1C X1A"),
        (("America/Regina", "America/Edmonton"), "S0M"),
        (("America/Vancouver",), "V"),
        (("America/Vancouver", "America/Edmonton", "America/Creston"), "V0B"),
        (("America/Vancouver", "America/Dawson_Creek", "America/Fort_Nelson"), "V0C"),
        (("America/Dawson_Creek",), "V1G V1J"),
        (("America/Edmonton", "America/Inuvik"), "X0E X0G"),
        (("America/Iqaluit", "America/Resolute"), "X0A"),
        (("America/Cambridge_Bay",), "X0B"),
        (("America/Rankin_Inlet", "America/Atikokan"), "X0C"),
        (("America/Whitehorse", "America/Dawson"), "Y"),
    ),
    "AU": (
        (("Australia/Darwin",), "08 09"),
        (("Australia/Darwin", "Australia/Adelaide", "Australia/Perth"), "0872"),
        (("Australia/Sydney",), "1 2"),
        (("Australia/Broken_Hill",), "2880"),
        (("Australia/Lord_Howe",), "2898"),
        (("Australia/Melbourne",), "3 8"),
        (("Australia/Brisbane",), "4 9"),
        (("Australia/Adelaide",), "5"),
        (("Australia/Perth",), "6"),
        (("Australia/Hobart",), "7"),
    ),
    "BR": (
        (("America/Sao_Paulo",), "0-3 70 71 720-727 728-767 8 9"),
        (("America/Bahia",), "40-48"),
        (("America/Maceio",), "49 57"),
        (("America/Recife",), "50-56"),
        (("America/Noronha",), "53990"),
        (("America/Fortaleza",), "58-65"),
        (("America/Belem", "America/Santarem"), "660-688"),
        (("America/Belem",), "689"),
        (("America/Manaus", "America/Eirunepe"), "690-692 694-698"),
        (("America/Manaus",), "6900-6909"),
        (("America/Boa_Vista",), "693"),
        (("America/Rio_Branco",), "699"),
        (("America/Porto_Velho",), "768-769"),
        (("America/Araguaina",), "77"),
        (("America/Cuiaba",), "780-788"),
        (("America/Campo_Grande",), "79"),
    ),
    "MX": (
        (
            ("America/Mexico_City",),
            "00-16 20 28-30 36-39 40-49 50-58 59-62 68-76 78-79 86 90-96 98-99",
        ),
        (("America/Tijuana",), "21-22"),
        (("America/Mazatlan",), "23 80-82"),
        (("America/Merida",), "24 97"),
        (("America/Monterrey", "America/Matamoros"), "25-27 64-67 87-89"),
        (("America/Chihuahua", "America/Ciudad_Juarez", "America/Ojinaga"), "31-33"),
        (("America/Chihuahua",), "310-313"),
        (("America/Ciudad_Juarez",), "320-325"),
        (("America/Monterrey",), "34-35 640-647"),
        (("America/Mazatlan", "America/Bahia_Banderas"), "63"),
        (("America/Cancun",), "77"),
        (("America/Hermosillo",), "83-85"),
    ),
    "RU": (
        (("Europe/Moscow",), "1 210-235 240-259 30-39 400-409 420-425 428-431 440-442 600-613"),
        (("Europe/Kaliningrad",), "236-238"),
        (("Europe/Saratov",), "410-413"),
        (("Europe/Astrakhan",), "414-416"),
        (("Europe/Samara",), "426-427 443-446"),
        (("Europe/Ulyanovsk",), "432-433"),
        (("Asia/Yekaterinburg",), "450-457 460-462 614-629 640-641"),
        (("Asia/Novosibirsk",), "630-633"),
        (("Asia/Tomsk",), "634-636"),
        (("Asia/Omsk",), "644-646"),
        (("Asia/Barnaul",), "649 656-659"),
        (("Asia/Novokuznetsk",), "650-654"),
        (("Asia/Krasnoyarsk",), "655 660-663 667-668"),
        (("Asia/Irkutsk",), "664-666 669-671"),
        (("Asia/Chita",), "672-674"),
        (("Asia/Yakutsk",), "675-676"),
        (("Asia/Yakutsk", "Asia/Vladivostok", "Asia/Srednekolymsk"), "677-678"),
        (("Asia/Vladivostok",), "679-682 690-692"),
        (("Asia/Kamchatka",), "683-684"),
        (("Asia/Magadan",), "685-686"),
        (("Asia/Anadyr",), "689"),
        (("Asia/Sakhalin",), "693-694"),
    ),
    "ID": (
        (("Asia/Jakarta",), "1-6"),
        (("Asia/Makassar",), "70-72 75-77 80-87 90-96"),
        (("Asia/Pontianak",), "73-74 78-79"),
        (("Asia/Jayapura",), "97-99"),
    ),
    "CL": (
        (("America/Santiago",), "1-5 7-9"),
        (("Pacific/Easter",), "277"),
        (("America/Coyhaique",), "60 61"),
        (("America/Punta_Arenas",), "62 63"),
    ),
    "ES": (
        (("Europe/Madrid",), "01-34 36-37 39 40-52"),
        (("Atlantic/Canary",), "35 38"),
    ),
    "PT": (
        (("Europe/Lisbon",), "1-8"),
        (("Atlantic/Madeira",), "90-94"),
        (("Atlantic/Azores",), "95-99"),
    ),
    "NZ": (
        (("Pacific/Auckland",), "0-9"),
        (("Pacific/Chatham",), "8016"),
    ),
    "EC": (
        (("America/Guayaquil",), "01-19 21-24"),
        (("Pacific/Galapagos",), "20"),
    ),
    "FR": (
        (("Europe/Paris",), "01-96"),
        (("America/Guadeloupe",), "971"),
        (("America/Martinique",), "972"),
        (("America/Cayenne",), "973"),
        (("Indian/Reunion",), "974"),
        (("America/Miquelon",), "975"),
        (("Indian/Mayotte",), "976"),
        (("America/St_Barthelemy",), "97133 977"),
        (("America/Marigot",), "97150 978"),
        (("Pacific/Wallis",), "986"),
        (("Pacific/Tahiti", "Pacific/Marquesas", "Pacific/Gambier"), "987"),
        (("Pacific/Noumea",), "988"),
    ),
}

# Names that carriers write and no list of countries has; letters and digits in lower case, single spaces.
COUNTRY_NAMES: Final[Mapping[str, str]] = {
    "america": "US",
    "bosnia herzegovina": "BA",
    "brasil": "BR",
    "britain": "GB",
    "china people s republic": "CN",
    "china peoples republic": "CN",
    "cesko": "CZ",
    "cote d ivoire": "CI",
    "czech republic": "CZ",
    "eire": "IE",
    "el": "GR",
    "england": "GB",
    "great britain": "GB",
    "great britain uk": "GB",
    "holland": "NL",
    "hong kong": "HK",
    "hong kong sar": "HK",
    "hong kong sar china": "HK",
    "ireland republic of": "IE",
    "islamic republic of iran": "IR",
    "korea": "KR",
    "korea republic of": "KR",
    "korea south": "KR",
    "macao": "MO",
    "macau": "MO",
    "macedonia": "MK",
    "mainland china": "CN",
    "moldova republic of": "MD",
    "northern ireland": "GB",
    "people s republic of china": "CN",
    "pr china": "CN",
    "republic of ireland": "IE",
    "republic of korea": "KR",
    "russian federation": "RU",
    "scotland": "GB",
    "slovak republic": "SK",
    "south korea": "KR",
    "swaziland": "SZ",
    "syrian arab republic": "SY",
    "taiwan": "TW",
    "taiwan province of china": "TW",
    "tanzania united republic of": "TZ",
    "the netherlands": "NL",
    "turkey": "TR",
    "u k": "GB",
    "uk": "GB",
    "u s": "US",
    "u s a": "US",
    "united kingdom of great britain and northern ireland": "GB",
    "united states of america": "US",
    "us of america": "US",
    "venezuela bolivarian republic of": "VE",
    "viet nam": "VN",
    "wales": "GB",
    "xi": "GB",
}
