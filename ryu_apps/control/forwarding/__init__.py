"""From instances to what vrouters have: EVIs and VRFs where they are present, and their lookups."""
