"""The pipeline as data: tables, registers, fields, flows, and what refuses one that lies."""
