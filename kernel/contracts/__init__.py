"""The Structs and Protocols that hooks speak in."""
