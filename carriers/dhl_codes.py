"""What the codes of DHL's divisions mean: one table a division, read from top to bottom, each under our words.

The tables are those of DHL's list of event codes per division (the `status` of Shipment Tracking - Unified), of the
event codes of MyDHL API, and of Parcel Germany's ICE and RIC combinations of July 2024. A parcel that DHL says goes
back, or has decided to send back, is `returning`; a parcel that was destroyed is an `exception`, whatever DHL's summary
calls it. Two adapters read the same division, so the tables stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final


def _table(text: str) -> Mapping[str, str]:
    """{code: word} of lines "word: code code ..."; an indented line goes on with the word above it."""
    return MappingProxyType(dict(_rows(text)))


def _rows(text: str) -> Iterator[tuple[str, str]]:
    word = ""
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            word, _, line = line.partition(": ")
        yield from ((code, word) for code in line.split())


# DHL Express: two letters an event, and three digits for the shipment as a whole.
EXPRESS: Final = _table("""
info_received: 104
info_received.data_received: DUMMY_PU
picked_up.collected: PU
picked_up.dropped_off: SA
in_transit: 102 CI CU HO PL SC SI SM TR UV
in_transit.departed_hub: DF
in_transit.arrived_hub: AF
in_transit.arrived_depot: AR
in_transit.customs_started: BL BN ES IC
in_transit.customs_cleared: BR CR
in_transit.handed_to_partner: HN TP
in_transit.redirected: FD
in_transit.resolved: RR
out_for_delivery.on_vehicle: LV WC
out_for_delivery.appointment: AD
available_for_pickup.at_point: CC
attempt_failed: ND
attempt_failed.not_home: NH
attempt_failed.closed: CA
exception: 103 CS DS HI NA OH SS ST
exception.address: BA
exception.moved: CM
exception.refused: RD
exception.payment: HP
exception.customs_hold: CD DP UD
exception.damaged: DM
exception.misrouted: IR MC MS
exception.capacity: MD TD
delivered: 101 DD OK PD
returning: RT
""")

# Event codes that Express knows and that say nothing about where a parcel is.
EXPRESS_SILENT: Final[Mapping[str, str]] = {
    "DI": "the duty invoice was written",
    "IA": "a picture was taken",
    "PY": "a payment was booked",
    "RW": "weighed and measured",
    "TI": "a search was begun; where the parcel is, is not said",
    "TT": "a search was ended; with what result is not said",
}

# Codes of Express that other software knows and DHL's list does not.
EXPRESS_ELSEWHERE: Final = _table("""
not in DHL's list of events, so its meaning is not known: BC CL DA DG DL DMG DU DY EM FA FO HW HX IT LO LP LS LT LX ME
    MR NC NI OF OO OR PA PF RF RJ RS UA VB WA WD WE WS WX
""")

# Parcel Germany's standard events ("TTpro"), the summary over ICE and RIC.
PARCEL_DE: Final = _table("""
info_received: AN
info_received.data_received: VA
picked_up.collected: AE
picked_up: ES
in_transit: NB
in_transit.departed_hub: AA
in_transit.arrived_hub: EE
in_transit.customs_started: ZO
out_for_delivery.on_vehicle: PO
available_for_pickup.at_point: ZF
attempt_failed: ZN
exception: BV
""")

PARCEL_DE_SILENT: Final[Mapping[str, str]] = {
    "DD": "a wish or a message, not a movement",
    "GT": "money was passed on, not the parcel",
    "LA": "in storage: kept for the recipient or for another reason; ICE and RIC say which",
    "ZU": "delivered, destroyed or handed to another carrier; ICE and RIC say which",
}

# ICE event, ICE/RIC reason or ICE/RIC/standard event: the most exact entry counts, see `parcel_de_word`.
PARCEL_DE_ICE: Final = _table("""
info_received: NTPUP OFWRD/RDRCR/AN
info_received.data_received: PARCV
info_received.pickup_scheduled: PURCR
picked_up: PCKDU/PKBOX/ES LDTMV/SERPT/ES SRTED/NRQRD/AE SRTED/NRQRD/ES
picked_up.collected: PCKDU
picked_up.dropped_off: SHRCU
in_transit: ASMVT CHECK FWDCF HLDCC/SERPT/PO HNDDE ICPRC/FWEXH INFCL LDTHU LDTMV LDTMV/SERPT/ZF OFWRD RELBL REPCK
    SECHK
in_transit.departed_hub: DMGDS/LDMGD/AA LDTMV/FWEXH/AA LDTMV/MVMTV/AA LDTMV/NRQRD/AA MVDPT OFWRD/CRRFN/AA
    OFWRD/RDRCR/AA REPCK/MVMTV SRTED/FWAPS/AA SRTED/FWEXH/AA SRTED/FWEXP/AA
in_transit.arrived_hub: DMGDS/LDMGD/EE MVARR OFWRD/CRRFN/EE SRTED ULFMV
in_transit.arrived_depot: MVARR/NRQRD/PO ULFMV/UNLDD/PO
in_transit.customs_started: DLVRD/CUSTM HNDND ICPRC ITBAR
in_transit.export_cleared: RSDCP/FWEXH
in_transit.customs_cleared: RSDCP
in_transit.handed_to_partner: DLVRD/HNDTC TRBCR
in_transit.redirected: OFWRD/CNRFW OFWRD/CRFRD OFWRD/CSREQ OFWRD/PBNBR OFWRD/RDRCR OFWRD/RDRDO REPCK/RDRDO ROUCR
out_for_delivery.on_vehicle: LDTMV/MVMTV/PO LDTMV/PCKST/PO LDTMV/SECDA/PO LDTMV/SERPT/PO SRTED/NRQRD/PO
available_for_pickup.at_point: CNRFC HLDCC
available_for_pickup.at_locker: CNRFC/PCKST HLDCC/LDPCK
attempt_failed: LDTMV/SECDA/ZN NTDEL
attempt_failed.not_home: NTDEL/CNCNR NTDEL/NHOME
attempt_failed.closed: NTDEL/CLOSD NTDEL/HLDAY
attempt_failed.rescheduled: NTDEL/SECDA
exception: ADVIS/STBSD/ZN CNFSC DSPSD DTNPC EXPHD LDEXC MVDEX MVTEX NTADT NTDEL/MSLBL NTDEL/MSSDT NTDEL/NTIHU
    NTDEL/UDLVR OFWRD/CNCNR PBNDT PURCR/OTHER RCCLS SECHK/INSPT
exception.address: ALERT/BDADD EXPHD/BDADD EXPHD/WRGRI LDEXC/BDADD NTDEL/BDADD NTDEL/CPUNK NTDEL/WRGPN NTDEL/WRGRI
    PURCR/BDADD REPCK/WRGRI
exception.customs_hold: EXPHD/CLREF EXPHD/PWMFD HLDCP HLDCU
exception.payment: DLVRF/TRPMT EXPHD/TRPMT NTDEL/TRPMT
exception.damaged: DLVRF/DMGED DMGDS EXPHD/DMGED EXPHD/DMGPC EXPHD/DMPHD NTDEL/DMGED REPCK/DMGPC
exception.lost: EXPHD/LOSTX RCCLS/LOSTX
exception.refused: DLVRF NTDEL/RFUSD
exception.moved: NTDEL/MOVED
exception.misrouted: EXPHD/STPRB MSRTD NTDEL/WRGTR
exception.weather: EXPHD/FRMJR MVDEX/FRMJR MVTEX/FRMJR NTDEL/FRMJR
exception.capacity: EXPHD/CAPEX EXPHD/EQUBF LDEXC/MSDLA LDEXC/OVRLD MVTEX/TCATC MVTEX/TCHBD MVTEX/VHARU NTDEL/CAPEX
    NTDEL/CRROT NTDEL/DRCRU NTDEL/TCHBD
exception.rejected_by_carrier: EXPHD/GDNMS NTDEL/NAGTB
exception.pickup_expired: HLDCC/NTCCN NTDEL/NTCCN
delivered: DLVRD MVARR/NRQRD/ZU
delivered.to_person: DLVRD/AGENT DLVRD/FAMLY DLVRD/SPOUS
delivered.safe_place: DLVRD/PKBOX DLVRD/SECPL
delivered.neighbour: DLVRD/NGHBR
delivered.collected: DLVRD/ACCPK DLVRD/SERPT
returning: EXPHD/RTTSP NTDEL/RSEXW OFWRD/RTSCR OFWRD/RTSSA RETRN
cancelled: CANCL
""")

PARCEL_DE_ICE_SILENT: Final[Mapping[str, str]] = {
    "ADVIS": "a wish, an order or a message about the parcel, not a movement",
    "ALERT": "a message about the time of delivery, not a movement",
    "DLVRD/CODAR": "the bank confirmed a transfer of money",
    "DLVRD/CODRP": "the bank transferred money",
    "PMTCR": "a payment was received from the courier",
    "PMTCS": "a payment was received from the customer",
    "PURCR/REJCT": "a request for collection was rejected",
    "PURCR/SECPL": "a wish for the place of collection",
    "STORN": "the driver took the event before it back; which one is not said",
}


def parcel_de_word(ice: str, ric: str, standard: str) -> str | None:
    """Our word for an event of Parcel Germany: by ICE, RIC and standard event, else fewer of them, else nothing."""
    for key in (f"{ice}/{ric}/{standard}", f"{ice}/{ric}", ice):
        if key in PARCEL_DE_ICE:
            return PARCEL_DE_ICE[key]
        if key in PARCEL_DE_ICE_SILENT:
            return None
    return PARCEL_DE.get(standard)


# DHL eCommerce (Americas and Asia Pacific).
ECOMMERCE: Final = _table("""
info_received: 132 134 150 627
info_received.label_created: 235 238 807
info_received.data_received: 445
info_received.pickup_scheduled: 109 128 129 135 624
picked_up: 211 229
picked_up.collected: 100 130 461 628
cancelled: 101
in_transit: 106 115 116 220 242 400 401 402 431 451 464 51 510 517 525 530 532 534 537 539 541 545 561
in_transit.departed_origin: 110 456
in_transit.arrived_hub: 104 125 155 156 200 365 454 462 470 472 477 483 499 515 521 524 526 528 529 536 540 543 557
    562 566 567
in_transit.departed_hub: 113 114 120 399 481 482 518 531 538 568 577 805
in_transit.arrived_country: 360 361 533 549
in_transit.arrived_depot: 468 473 494 520 542 547 548 575 576 579 637
in_transit.customs_started: 441 447 463 501 509
in_transit.customs_cleared: 442 449 452 502
in_transit.handed_to_partner: 478 479 480 50 505 511 523 535 589 590 642
in_transit.redirected: 162 582 632
in_transit.resolved: 241 313 359 504
out_for_delivery.on_vehicle: 544 558 580 597 598
available_for_pickup.at_point: 469 522 560 565 570 585 599 601
attempt_failed: 550 563 571 595 596 615 629 651 665
attempt_failed.not_home: 551 552 556 594 613
attempt_failed.closed: 555 564 612
attempt_failed.no_access: 553 554 605
attempt_failed.rescheduled: 581 609 616
exception: 312 358 513 573 625 626 636 644 770 780 809 825 844 849
exception.address: 630 631 633 650 683 689 691 700 710 740 750
exception.customs_hold: 443 448 453 506 507 508 588
exception.payment: 240 503 608 614
exception.damaged: 620 623
exception.lost: 690
exception.refused: 610 611 619
exception.moved: 686 720 730
exception.misrouted: 546 640 641 670 671
exception.capacity: 450 592 593
exception.rejected_by_carrier: 107
exception.pickup_expired: 693 760
delivered: 600 606 607 621
delivered.safe_place: 652 653 654 655 656 657 658 659
delivered.collected: 572
returning: 108 602 604 800 802 804 806 808 810 811 813 815 816 817 818 820 821 853 854 855 856 857 858 859 862 880 881
    882 883 884 885 886 887
returned: 860 863 864
""")

ECOMMERCE_SILENT: Final[Mapping[str, str]] = {
    "161": "a wish of the recipient",
    "163": "data were changed",
    "164": "data were changed",
    "300": "a notice was sent; DHL does not say what about",
    "350": "a notice was received; DHL does not say what about",
    "371": "DHL does not say what was recovered",
    "574": "an expectation",
    "583": "an attempt without its outcome",
    "591": "money was collected",
    "603": "does not say whose warehouse",
    "617": "money was passed on",
    "618": "money was passed on",
    "638": "an attempt without its outcome",
    "639": "an attempt without its outcome",
    "680": "no news",
    "699": "no news",
    "867": "papers went back, not the parcel",
    "868": "papers went back, not the parcel",
    "869": "papers went back, not the parcel",
    "870": "papers went back, not the parcel",
    "871": "papers went back, not the parcel",
    "872": "papers went back, not the parcel",
    "99": "an alert was received; DHL does not say what about",
}

# DHL eCommerce Europe. 43 to 46 and 302 are "delivered" in DHL's summary, but only to the point of collection or to
# the carrier of the last mile.
ECOMMERCE_EUROPE: Final = _table("""
info_received: 254 367 368 369 370
info_received.data_received: 1
picked_up.collected: 2 9 14 15 16 17 226 228
picked_up.dropped_off: 3 4 5 6 7 8
in_transit: 52 142 172 194 255 358 364 380
in_transit.arrived_hub: 19 22 25 27 28 30 31 37 38 230 232 233 234 236 240 354 355 356 377 378 379
in_transit.departed_hub: 20 23 26 29 32 231 235 237
in_transit.export_cleared: 130
in_transit.customs_started: 258
in_transit.customs_cleared: 133
in_transit.arrived_country: 33 238
in_transit.arrived_depot: 40 41 47 242
in_transit.handed_to_partner: 302
in_transit.redirected: 53 56 57 58 59 60 61 62 159
out_for_delivery.on_vehicle: 42
available_for_pickup.at_point: 43 44 46
available_for_pickup.at_locker: 45
attempt_failed: 72 82 88 89 91 92 93 94 95 97 98 154 161 200 222 223 330
attempt_failed.not_home: 73 74 75 85 372
attempt_failed.closed: 87 90 96 395
attempt_failed.rescheduled: 141 217 218 219
exception: 156 253 269 392
exception.address: 79 80 206
exception.payment: 77 78 86 214 215 268
exception.damaged: 83
exception.refused: 76 207 208 209 210 211
exception.moved: 81
exception.weather: 264 266
exception.capacity: 265 267
delivered: 63 64 69 70 71 306
delivered.collected: 65 66 67 68
returning: 99 100 101 102 149 151 152 155 157 160 248 249 259 363 365
returned: 366
""")

# PPL, DHL eCommerce in Czechia.
ECOMMERCE_PPL: Final = _table("""
info_received.data_received: 900
picked_up.collected: 150
in_transit: 500
in_transit.arrived_depot: 300 400
available_for_pickup.at_point: 343
attempt_failed.rescheduled: 460
exception.lost: 997
exception.refused: 464
delivered: 450
cancelled: 999
""")

PARCEL_NL: Final = _table("""
info_received: BACKLOG_COLLECTION_CANCELLED BACKLOG_PICKUP_CANCELLED BAD_ADDRESS_NOT_COLLECTED
    COLLECTION_ADDRESS_CLOSED COLLECTION_ORDER_REFUSED DEPART_SHIPPER_FACILITY NOTHING_COLLECTED NOTHING_PICKED_UP
    NOTHING_PICKED_UP_GOODS_ALREADY_COLLECTED NOTHING_PICKED_UP_GOODS_ARE_NOT_READY_YET
    NOTHING_PICKED_UP_NO_GOODS_FOR_TODAY NOTHING_PICKED_UP_NO_ORDER_GIVEN NOTHING_PICKED_UP_ORDER_CANCELLED
    NOTHING_PICKED_UP_OTHER_REASON PALLET_MATERIAL_NOT_AVAILABLE PALLET_MATERIAL_NOT_AVAILABLE_AT_PICKUP
    PALLET_NOT_EMPTY PALLET_NOT_EMPTY_AT_PICKUP PARCEL_NOT_BROUGHT_IN PARCEL_OUT_OF_TIME_FOR_DROP_OFF
    PARCEL_WILL_BE_BROUGHT_IN_BY_RECEIVER PREPROCESS_DEPART_SHIPPER PREPROCESS_HANDOVER_TO_EXPORT_CUSTOMS
    PREPROCESS_HANDOVER_TO_IMPORT_CUSTOMS PREPROCESS_HANDOVER_TO_TRANSPORTER PREPROCESS_SORT_BY_THIRD_PARTY
    RECEIVER_CLOSED_COLLECTION_CANCELLED RECEIVER_CLOSED_ON_HOLIDAY_COLLECTION_CANCELLED
    RECEIVER_CLOSED_ON_HOLIDAY_PICKUP_CANCELLED RECEIVER_CLOSED_PICKUP_CANCELLED
    RECEIVER_MOVED_OR_UNKNOWN_NOT_COLLECTED
info_received.data_received: ANNOUNCED_AT_PARCELSHOP COLLECTION_DATA_RECEIVED COLLECTION_IMPORT_EXPRESS
    DATA_RECEIVED_WITH_PREFIX_LABEL LEG_CREATED PICKUP_DATA_RECEIVED PRENOTIFICATION_RECEIVED
info_received.pickup_scheduled: AGREED_COLLECTION BACKLOG_NOT_COLLECTED COLLECT_AGAIN_SAME_ADDRESS
    COLLECTION_HANDED_OVER_TO_DD COLLECTION_HANDED_OVER_TO_THIRD_PARTY COLLECTION_ORDER_HANDED_OVER_TO_DRIVER
    COLLECTION_ORDER_OUT_FOR_DELIVERY COLLECTION_ORDER_SCANNED COLLECTION_PLANNED_IN_ROUTE NEW_COLLECTION_ATTEMPT
    RECEIVER_CLOSED_COLLECTION_RESCHEDULED RECEIVER_CLOSED_ON_HOLIDAY_COLLECTION_RESCHEDULED WILL_BE_COLLECTED
picked_up.collected: COLLECTED COLLECTED_AT_NEIGHBOUR PARCEL_COLLECTED PICKED_UP
picked_up.dropped_off: PARCEL_RECEIVED SHIPMENT_ACCEPTANCE SHIPMENT_ACCEPTANCE_DEPOT SHIPMENT_ACCEPTANCE_PARCELSHOP
    SHIPMENT_ACCEPTANCE_PARCELSTATION
cancelled: RETURN_ORDER_CANCELLED
in_transit: ADDRESS_CORRECTED_BY_DEPOT_MANAGER CONFIRM_UPLIFT DELIVERED_AT_PARCELSHOP DELIVERY_PLANNED_IN_ROUTE
    DEPOT_SCAN FACILITY_CHECK_OUT FORWARD_DESTINATION FORWARD_DESTINATION_TOO_LATE FOUND_AT_DEPOT
    FOUND_DURING_INVENTORY IN_ROUTE_THIRD_PARTY INFORMATION_ON_DELIVERY_TRANSMITTED INVENTORY
    PARCEL_COLLECTED_AT_PARCELSHOP_BY_COURIER PARCEL_COLLECTED_AT_SERVICEPOINT_BY_COURIER PARCEL_FOUND_AT_PARCELSHOP
    PARCEL_PICKED_UP_AT_ACCESSPOINT PARCEL_PICKED_UP_AT_PARCELSHOP PARCEL_PICKED_UP_AT_PARCELSTATION
    PARCEL_READY_FOR_RETURN_TO_HUB PARCEL_RETURNED_FROM_ROUTE PARCEL_SCANNED_FOR_COLLECTION_AT_ACCESSPOINT_BY_COURIER
    PARCEL_SCANNED_FOR_COLLECTION_AT_PARCELSHOP_BY_COURIER PARCEL_SCANNED_FOR_COLLECTION_AT_PARCELSTATION_BY_COURIER
    PARCEL_SCANNED_FOR_COLLECTION_AT_SERVICEPOINT_BY_COURIER PARCEL_SCANNED_FOR_RETURN_TO_HUB
    PARCEL_SCANNED_INTO_HAND-TERMINAL PARCEL_SORTED_TO_OVERFLOW PICTURE_TAKEN_OF_PARCEL RECORD_OF_TRANSIT RELABELED
    REWEIGH ROUTE_IN_SCAN UNLOAD_VEHICLE WILL_BE_TRANSFERRED_TO_THIRD_PARTY
in_transit.arrived_hub: ARRIVED_AT_INBOUND_GATEWAY ARRIVED_AT_ORIGIN_DEPOT ARRIVED_AT_ORIGIN_GATEWAY
    ARRIVED_AT_ORIGIN_HUB ARRIVED_AT_TERMINAL ARRIVED_FACILITY DEPART_FACILITY FACILITY_CHECK_IN GATEWAY_ARRIVED
    PARCEL_RESORTED_AT_HUB PARCEL_SORTED_AT_GATEWAY PARCEL_SORTED_AT_HUB PROCESSED_AT_LOCATION PROCESSED_AT_ORIGIN
    SORTED_AT_DESTINATION_GATEWAY SORTED_AT_DESTINATION_HUB SORTED_AT_ORIGIN_DEPOT SORTED_AT_ORIGIN_GATEWAY
    SORTED_AT_ORIGIN_HUB
in_transit.departed_hub: DEPARTURE DEPART_DESTINATION_GATEWAY DEPART_ORIGIN_GATEWAY GATEWAY_DEPARTED PASSED_GATEWAY
    SCAN_OK_GATEWAY
in_transit.arrived_depot: ARRIVED_AT_DELIVERY_FACILITY DELIVERED_AT_DEPOT PARCEL_ARRIVED_AT_LOCAL_DEPOT
    SORTED_AT_DESTINATION_DEPOT
in_transit.customs_started: BONDED_LOCATION BREAK_BULK_SHIPMENT_PROCESSED_BY_CUSTOMS BROKER_NOTIFIED DUTY_INVOICE
    ENTRY_SUBMITTED IN_CLEARANCE_PROCESS MANIFESTED SHIPMENT_INSPECTION
in_transit.customs_cleared: BROKER_RELEASED CLEARANCE_RELEASE SHIPMENT_INSPECTION_RELEASED
in_transit.handed_to_partner: FORWARD_THIRD_PARTY HANDOVER
in_transit.redirected: CALAMITY_SYSTEM_INTERVENTION_DELIVERY_AT_PARCELSHOP FORWARDED_TO_DIFFERENT_ADDRESS
    FORWARD_TO_DIFFERENT_PARCELSHOP INTERVENTION INTERVENTION_DELIVERY_ADDRESS_CHANGED_INTO_PARCELSHOP
    INTERVENTION_DELIVERY_ADDRESS_CHANGED_INTO_PARCELSTATION INTERVENTION_DELIVERY_SCHEDULED_AT_ANOTHER_TIME/DATE
    INTERVENTION_PROCESSED_FOR_COLLECTION_AT_PARCELSHOP INTERVENTION_PROCESSED_FOR_DELIVERY_AT_NEIGHBOURS
    INTERVENTION_PROCESSED_FOR_DELIVERY_AT_SAFEPLACE INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_ACCESSPOINT
    INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_ANOTHER_TIME/DATE
    INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_DIFFERENT_ADDRESS INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_NEIGHBOURS
    INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_PARCELSHOP INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_PARCELSTATION
    INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_PREFERRED_NEIGHBOURS
    INTERVENTION_RECEIVER_REQUESTS_DELIVERY_AT_SAFEPLACE INTERVENTION_SYSTEM_FAILED_DELIVERY_AT_PARCELSHOP
    INTERVENTION_SYSTEM_FAILED_DELIVERY_AT_SAFEPLACE INTERVENTION_SYSTEM_REQUESTS_DELIVERY_AT_PARCELSHOP
    INTERVENTION_SYSTEM_REQUESTS_DELIVERY_AT_SAFEPLACE SCHEDULED_FOR_MOVEMENT SERVICE_CHANGED
    SHIPMENT_TOO_LARGE_FOR_ACCESSPOINT SHIPMENT_TOO_LARGE_FOR_PARCELSHOP SHIPMENT_TOO_LARGE_FOR_PARCELSTATION
in_transit.resolved: HELD_OUT_DEPOT RESPONSE_RECEIVED VAT_AND_DUTY_PAYMENT_RECEIVED_BY_RECEIVER
out_for_delivery.on_vehicle: LOAD_VEHICLE OUT_FOR_DELIVERY PARCEL_HANDED_OVER_TO_COURIER PARCEL_INTO_FALLBACK
    PARCEL_WILL_BE_DELIVERED_SOON
out_for_delivery.appointment: AGREED_DELIVERY
available_for_pickup.at_point: AWAITING_RECEIVER_COLLECTION DELIVERED_AT_ACCESSPOINT DELIVERED_AT_PARCELSTATION
    NOTIFICATION_FOR_PARCELSHOP_COLLECTION_HAS_BEEN_SENT NOTIFICATION_FOR_PARCELSHOP_COLLECTION_HAS_FAILED
    ON_HOLD_FOR_COLLECTION PARCELSHOP_DELIVERY_DEVIATION PARCEL_HELD_FOR_COLLECTION_AT_LOCAL_DEPOT
    REMINDER_FOR_COLLECTION_SENT_EMAIL REMINDER_FOR_COLLECTION_SENT_LETTER REMINDER_FOR_COLLECTION_SENT_SMS
attempt_failed: DELIVERY_CODE_MISSING_NEW_ATTEMPT DELIVERY_CODE_MISSING_PICK_UP ID_CHECK_UNSUCCESSFUL
    INCORRECT/UNKNOWN_PIN REFUSED_OTHER_REASON SAFEPLACE_DELIVERY_FAILED
attempt_failed.not_home: CLOSED_AWAITING_COLLECTION CLOSED_ON_ARRIVAL NOTIFICATION_NOT_HOME_TO_PARCELSHOP NOT_HOME
    NOT_HOME_NEW_DELIVERY NOT_HOME_SYSTEM_INTERVENTION_DELIVERY_AT_PARCELSHOP NOT_HOME_TO_PARCELSHOP
attempt_failed.closed: CLOSED HELD_IN_STORAGE_CLOSED RECEIVER_CLOSED_ANNOUNCED RECEIVER_CLOSED_ON_HOLIDAY
    RECEIVER_CLOSED_PASSED_TO_DEPOT RECEIVER_CLOSED_PASSED_TO_PARCELSHOP
attempt_failed.rescheduled: ACCESSPOINT_FULL_REDELIVER DELIVERY_DATE_CHANGED_BY_DEPOT_MANAGER
    DELIVERY_DATE_CHANGED_BY_DEPOT_MANAGER_REASON_CLOSED FAILED_TO_DELIVER_REDELIVER NEW_DELIVERY_ATTEMPT
    PARCELSHOP_FULL_REDELIVER PARCELSTATION_NOT_AVAILABLE_REDELIVER_TO_PARCELSHOP RECEIVER_ON_HOLIDAY_ANNOUNCED
    REDELIVER REDELIVER_AT_PARCELSHOP REDELIVER_DIFFERENT_ADDRESS REDELIVER_SAME_ADDRESS
exception: CLOSED_SHIPMENT CS_ACTION_REQUIRED DANGEROUS_GOODS_OCCURRENCE DATA_MISSING DENIED_PARTIES DESTROYED
    HELD_IN_STORAGE HELD_IN_STORAGE_HOLIDAY HELD_IN_STORAGE_INCOMPLETE LABEL_UNUSABLE NOT_ARRIVED ON_HOLD
    ON_HOLD_ANNOUNCED PACKAGING_ISSUE PARCEL_NO_DATA PARCEL_NOT_SORTED_AT_HUB_NO_INFO SHIPMENT_INSPECTION_REJECTED
    SHIPMENT_INTERCEPT SHIPMENT_STOPPED SPECIAL_HANDLING
exception.address: ADDRESS_NOT_FOUND BAD_ADDRESS BAD_ADDRESS_INTERNATIONAL DELIVERY_DATA_INCORRECT MISCODE
    ON_HOLD_BAD_ADDRESS
exception.customs_hold: CLEARANCE_DELAY INSUFFICIENT_DOCUMENTATION SHIPMENT_INSPECTION_ON_HOLD
    UNCONTROLLABLE_CLEARANCE_DELAY
exception.payment: AWAITING_PAYMENT_RECEIVER_NOTIFIED HELD_FOR_PAYMENT NO_MONEY_REDELIVER REFUSED_NO_MONEY
    REFUSED_WILL_NOT_PAY
exception.damaged: ARRIVED_DAMAGED HELD_IN_STORAGE_DAMAGED REFUSED_DAMAGED REPACKED_DELIVERY_DAMAGED
exception.lost: MISSING_AFTER_ROUTE PARCEL_MISSING PARCEL_MISSING_AT_PARCELSHOP
    PARCEL_MISSING_AT_PARCELSHOP_NOTICED_AT_STOCK_CHECK PARCEL_MISSING_AT_PARCELSHOP_NOTICED_BY_COURIER
    PARCEL_MISSING_AT_PARCELSHOP_NOTICED_BY_CUSTOMER PARCEL_MISSING_AT_PARCELSTATION_NOTICED_BY_COURIER PIECE_MISSING
exception.refused: HELD_IN_STORAGE_REFUSED REFUSED REFUSED_AT_PARCELSHOP REFUSED_BY_RECEIVER REFUSED_INCOMPLETE
    REFUSED_INVENTORY REFUSED_NOT_ORDERED REFUSED_NOT_ORDERED_CORONA REFUSED_NOT_SIGNED REFUSED_NO_RECAP
    REFUSED_REQUESTS_WAYBILL REFUSED_RETURN_TO_DD REFUSED_TOO_LATE
exception.moved: RECEIVER_MOVED_OR_UNKNOWN
exception.misrouted: MISSORT MIS_ROUTED
exception.capacity: BACKLOG_NOT_DELIVERED FORCE_MAJEURE HELD_IN_STORAGE_BACKLOG MISSED_DELIVERY_CYCLE TRANSPORT_DELAY
exception.rejected_by_carrier: INVALID_SHIPMENT_SPECIFICATION
exception.pickup_expired: PARCEL_NOT_COLLECTED_AT_PARCELSHOP REFUSED_2ND_KIB
delivered: DELIVERED DELIVERED_DAMAGED DELIVERED_NOT_IN_TIME DELIVERED_NO_CODE_VALIDATION PARTIAL_DELIVERY
delivered.safe_place: DELIVERED_AT_SAFEPLACE DELIVERED_IN_MAILBOX
delivered.neighbour: DELIVERED_AT_NEIGHBOURS DELIVERED_AT_PREFERED_NEIGHBOURS
delivered.collected: COLLECTED_AT_ACCESSPOINT COLLECTED_AT_PARCELSHOP COLLECTED_AT_PARCELSTATION SHIPMENT_COLLECTED
returning: ADDRESS_UNKNOWN CONFIRMATION_OF_CLOSING_THE_SCAN-APPLICATION_AFTER_THE_SCAN_FOR_RETURN
    CUSTOMS_DATA_INCORRECT_RETURN_TO_SHIPPER DAMAGE_RETURN DELIVERY_CODE_MISSING_RETURN DELIVERY_DATA_INCORRECT_RETURN
    INTERVENTION_RECEIVER_REQUEST_DELIVERY_CANCELLED INTERVENTION_REQUEST_CANCEL_INTERVENTION
    INTERVENTION_REQUEST_CANCEL_INTERVENTION_SUSPECTED_FRAUD INTERVENTION_SHIPPER_REQUEST_DELIVERY_CANCELLED
    INVALID_SHIPMENT_SPECIFICATION_RETURN MISROUTED_RETURN_TO_SHIPPER NOT_HOME_RETURN_TO_SHIPPER NO_MONEY_RETURN
    ON_ROUTE_TO_SHIPPER PARCELSTATION_DELIVERY_UNSUCCESFULL_RETURN PARCEL_RELABELED_FOR_RETURN_TO_SHIPPER
    PARCEL_SCANNED_AT_RETURN_HUB PARCEL_TOO_HEAVY_RETURN PARCEL_TOO_LARGE_RETURN PO_BOX POSTAL_CODE_INCORRECT
    POSTPROCESS_RETURN_CONSOLIDATION POSTPROCESS_RETURN_CONSOLIDATION_DEPART POSTPROCESS_RETURN_CONSOLIDATION_LOAD
    RECEIVER_RETURN RECEIVER_UNKNOWN_RETURN REFUSED_NOT_COLLECTED REFUSED_RETURN RETURNED_NOT_COLLECTED
    RETURNED_TO_SHIPPER STORAGE_PERIOD_ENDED_AT_ACCESSPOINT STORAGE_PERIOD_ENDED_AT_PARCELSHOP
    STORAGE_PERIOD_ENDED_AT_PARCELSTATION
returned: DELIVERED_AT_SHIPPER EXPECTED_RETURN_DELIVERED_AT_SHIPPER_CALCULATED PARCEL_ALREADY_RETURNED
    POSTPROCESS_DELIVERED_AT_SHIPPER RETURN_DELIVERED_AT_SHIPPER_CALCULATED
""")

PARCEL_NL_SILENT: Final[Mapping[str, str]] = {
    "COD_AMOUNT_CHANGED": "an amount was changed",
    "DIFFERENT_STATUSES": "several pieces that differ",
    "IMAGE_AVAILABLE": "a picture was taken",
    "LEG_REFERENCE_ADDED": "data were changed",
    "MONEY_TRANSFERED_TO_SENDER": "money was passed on",
    "NOTIFICATION_OF_DELIVERY_TIME_HAS_BEEN_SENT": "an expectation",
    "NOTIFICATION_OF_TIME_FRAME_HAS_BEEN_SENT": "an expectation",
    "PARCEL_INFORMATION_REMOVED_FROM_PARCELSHOP_APPLICATION": "data were removed",
    "SIGNATURE_RECORDED": "whose signature is not said: recipients and parcel shops both sign",
    "SPONTANEOUS_RETURN": "another parcel, handed to the courier",
    "TRACE_INITIATED": "a search was begun; where the parcel is, is not said",
    "TRACE_TERMINATED": "a search was ended; with what result is not said",
    "UNJUSTIFIED_SPONTANEOUS_RETURN": "another parcel, handed to the courier",
}

PARCEL_PL: Final = _table("""
info_received.data_received: EDWP
picked_up: DWP
picked_up.collected: SP_PU
picked_up.dropped_off: SP_DWP
cancelled: SP_CN
in_transit: LW LW_PL PNPT PO18 SOB SP_DW ZWW_NSP
in_transit.arrived_hub: LP SORT
in_transit.departed_hub: WYJPL
in_transit.arrived_country: WEJPL
in_transit.arrived_depot: BCZ KWC LIK SP_ATDSP TRM TRM2 TRM_X WER ZID ZMA ZOS ZWW_KRYZ
in_transit.customs_started: EDB EXA SEC
in_transit.export_cleared: EXC
in_transit.customs_cleared: EDC
in_transit.redirected: AWI_SPCAP PSHOP SAS ZA ZAIT
out_for_delivery.on_vehicle: LK
available_for_pickup.at_point: DOR_SP OWL OWL_KP OWL_ONO OWL_SP_KP OWL_SP_ONO SP_DSP SP_KP SP_PA
available_for_pickup.at_locker: OWL_PS_KP OWL_PS_ONO
attempt_failed: AWI_ROD ZWW
attempt_failed.not_home: AWI AWI_DP2 AWI_ONU AWI_SAS
attempt_failed.no_access: AWI_OZ
attempt_failed.rescheduled: AWI_NSP SP_CAP
exception: CC PNK SP_ZAM
exception.address: AN AN_BO AN_RA AN_SAS
exception.payment: BRG BRG_SAS
exception.refused: OP OP_BWER OP_COD OP_DUB OP_OTH OP_PLA OP_PNK OP_REZ OP_ROD OP_SAS OP_TNZ OP_UMO OP_USK OP_USP
delivered: DOR DOR_OTH
delivered.to_person: DOR_RDZ
delivered.safe_place: DOR_LOK
delivered.neighbour: DOR_SAS
delivered.collected: DOR_OWL PPDOR SP_DOR
returning: AWI_CZAS OP_DO OP_DOK REZ SP_KZW SP_OP SP_TO SP_ZWR ZWN ZWR ZWR_AN ZWR_OP ZWR_WER ZWR_ZB ZWR_ZT
""")

PARCEL_PL_SILENT: Final[Mapping[str, str]] = {
    "DOR_POC": "handed to a post office: to be kept or to be carried on is not said",
    "POW": "a notice was sent",
}

# Event and reason of DHL Freight; 31 and 361 are a lorry's position and say nothing of the goods.
FREIGHT: Final = _table("""
info_received: 48-0 55-126 55-20 55-21 55-211 55-234 55-240 55-241 55-265 55-266 55-294 55-68 ACT-2
info_received.pickup_scheduled: 15-501 64-0
picked_up.collected: 13-0
cancelled: 7-0
in_transit: 24-628
in_transit.arrived_hub: 1-0
in_transit.departed_hub: 24-0
in_transit.arrived_depot: 1-21 20-208
in_transit.customs_cleared: 12-0
out_for_delivery.on_vehicle: 24-501
out_for_delivery.appointment: 20-209
available_for_pickup.at_point: 20-13
attempt_failed.not_home: 56-211
attempt_failed.closed: 20-211
exception.address: 20-234
exception.customs_hold: 20-126
exception.payment: 20-296
exception.refused: 56-241 56-284 56-292 56-611
exception.weather: 20-266
exception.capacity: 20-270 20-354
delivered: 21-0 21-23 21-234 21-600 24-600
returning: 56-222
""")

FREIGHT_SILENT: Final[Mapping[str, str]] = {
    "31-139": "a lorry's position",
    "31-140": "a lorry's position",
    "361-139": "a lorry's position",
    "361-140": "a lorry's position",
}

# DHL Global Forwarding, parcels.
FORWARDING: Final = _table("""
info_received.data_received: DATA_SUBMITTED
picked_up.collected: PICKUP_SUCCESSFUL
in_transit: PROCESSED_AT_ORIGIN_FACILITY READY_FOR_DEPARTURE
in_transit.arrived_hub: ARRIVED ARRIVED_AT_ORIGIN_FACILITY ARRIVED_PROCESSED_AT_FACILITY
in_transit.departed_origin: DEPARTED_FROM_ORIGIN_FACILITY
in_transit.departed_hub: DEPARTED
in_transit.customs_started: ARRIVED_AT_CUSTOMS
in_transit.customs_cleared: CLEARED_BY_CUSTOMS
out_for_delivery.on_vehicle: OUT_FOR_DELIVERY
exception: DELIVERY_EXCEPTION
exception.customs_hold: HELD_AT_CUSTOMS
delivered: DELIVERED
""")

# Letters and goods by post of Deutsche Post.
POST: Final = _table("""
info_received.data_received: ANNOUNCED
picked_up.dropped_off: POSTED POSTED_ARRIVED POSTED_MAIL_TERMINAL
in_transit: BZ BZA BZE TO_BE_SENT_ABROAD
in_transit.arrived_hub: ARRIVED_TRANSIT PASSED_LETTER_CENTER
in_transit.departed_hub: DEPARTURE_FROM_INWARD_OE FORWARDED_ABROAD
in_transit.arrived_country: ARRIVED_IN_DESTINATION_COUNTRY
in_transit.arrived_depot: ARRIVAL_AT_OFFICE_OF_DELIVERY
in_transit.customs_started: HANDOVER_CUSTOMS IP_CUSTOMS
in_transit.redirected: REDIRECTED
out_for_delivery.on_vehicle: IN_DELIVERY
available_for_pickup.at_point: NOTIFIED NOTIFIED_KEY_ACCOUNT NOTIFIED_PO_BOX
available_for_pickup.at_locker: NOTIFIED_PACKSTATION
attempt_failed: DELIVERY_ATTEMPTED
exception.customs_hold: HELD_BY_CUSTOMS
delivered: CONFIRMATION_PENDING CONFIRMED CONFIRMED_BY_SENDER DELIVERED DELIVERED_ZU_NOT_OK DELIVERED_ZU_OK
delivered.collected: FETCHED FETCHED_KEY_ACCOUNT_PENDING_DELIVERY_CONFIRMATION FETCHED_NOTIFIED FETCHED_PACKSTATION
    FETCHED_PENDING_DELIVERY_CONFIRMATION FETCHED_PO_BOX_PENDING_DELIVERY_CONFIRMATION
returning: SENT_BACK SENT_BACK_ABROAD
returned: RETURNED_TO_SENDER
""")

POST_SILENT: Final[Mapping[str, str]] = {
    "AMBIGUOUS": "Deutsche Post found several items",
    "AMOUNT_TRANSFERRED": "money was passed on",
    "ISSUE_OF_A_REPLACEMENT_CERTIFICATE_PZA": "a certificate was written",
    "MARBURG": "Deutsche Post does not explain it",
    "NO_INFO": "no news",
    "PAID_EPOS": "money was paid",
    "PAID_MAILMAN": "money was paid",
}

# Division, as the field `service` of Shipment Tracking - Unified names it -> its table and what its other codes are.
DIVISIONS: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "dgf": (FORWARDING, {}),
    "ecommerce": (ECOMMERCE, ECOMMERCE_SILENT),
    "ecommerce-europe": (ECOMMERCE_EUROPE, {}),
    "ecommerce-ppl": (ECOMMERCE_PPL, {}),
    "express": (EXPRESS, EXPRESS_SILENT),
    "freight": (FREIGHT, FREIGHT_SILENT),
    "parcel-de": (PARCEL_DE, PARCEL_DE_SILENT),
    "parcel-nl": (PARCEL_NL, PARCEL_NL_SILENT),
    "parcel-pl": (PARCEL_PL, PARCEL_PL_SILENT),
    "svb": (POST, POST_SILENT),
}
