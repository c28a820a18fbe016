"""The engine on os-ken's BGPSpeaker (``[bgp] engine = os-ken``)."""
