"""A channel that hands mail to a mail server by SMTP, for those who host themselves."""
