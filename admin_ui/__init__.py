"""The admin: pages a merchant works with. A plugin like any other, and a mandatory one."""
