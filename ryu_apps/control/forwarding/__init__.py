"""From instances to what vrouters hold: EVIs and VRFs where they are present, entry by entry."""
