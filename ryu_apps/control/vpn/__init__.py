"""Configuration to BGP VPN terms, the RIB, and which routes each EVI and VRF imports and uses."""
