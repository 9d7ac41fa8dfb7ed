"""The Structs and Protocols that hooks speak in. Imports nothing of ours but itself."""
