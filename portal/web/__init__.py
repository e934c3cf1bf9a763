"""HTTP: the edge that runs pages, access rules, forms, rendering. Pages never wait on a carrier."""
