"""Mails as mail systems send them when one of ours came back. Written for these tests, in the shapes of
Postfix, Exim, Exchange, Gmail, qmail and of complaints.
"""

from __future__ import annotations

import base64


def ours(to: str, message_id: str, envelope: str = "") -> str:
    """The headers of our mail, as they come back in the report."""
    path = f"Return-Path: <{envelope}>\n" if envelope else ""
    return (
        f"{path}From: Alder & Oak <hello@alder.example.com>\nTo: {to}\nSubject: For Ada: 10 % off\n"
        f"Message-ID: <{message_id}@alder.example.com>\nMIME-Version: 1.0\n"
    )


def postfix(
    came_to: str, to: str, original: str, *, status: str = "5.1.1", action: str = "failed",
    said: str = "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table",
    final: str = "",
) -> str:  # fmt: skip
    said = said.format(to=to)
    return f"""Return-Path: <>
Delivered-To: {came_to}
Received: by mail.alder.example.com (Postfix) id 3B1D41F92; Mon, 15 Jun 2026 10:01:00 +0000 (UTC)
Date: Mon, 15 Jun 2026 10:01:00 +0000 (UTC)
From: MAILER-DAEMON@mail.alder.example.com (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {came_to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="3B1D41F92.1781517660/mail.alder.example.com"
Message-Id: <20260615100100.3B1D41F92@mail.alder.example.com>

This is a MIME-encapsulated message.

--3B1D41F92.1781517660/mail.alder.example.com
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.alder.example.com.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{to}>: host mx.example.net[192.0.2.9] said: {said} (in reply to RCPT TO command)

--3B1D41F92.1781517660/mail.alder.example.com
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.alder.example.com
X-Postfix-Queue-ID: 3B1D41F92
X-Postfix-Sender: rfc822; {came_to}
Arrival-Date: Mon, 15 Jun 2026 10:00:01 +0000 (UTC)

Final-Recipient: rfc822; {final or to}
Original-Recipient: rfc822;{to}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; {said}

--3B1D41F92.1781517660/mail.alder.example.com
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

{original}
--3B1D41F92.1781517660/mail.alder.example.com--
"""


def exim(came_to: str, to: str, original: str, *, said: str = "Unrouteable address") -> str:
    """As old ones are: nothing for machines."""
    return f"""Return-path: <>
Envelope-to: {came_to}
X-Failed-Recipients: {to}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@relay.example.org>
To: {came_to}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1sIAbc-0001Xy-2K@relay.example.org>
Date: Mon, 15 Jun 2026 10:01:00 +0000

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {to}
    {said}

------ This is a copy of your message, including all the headers. ------

{original}
550 5.1.1 does not exist: words of the mail itself count for nothing
"""


def exim_delay(came_to: str, to: str, original: str) -> str:
    return exim(came_to, to, original).replace(
        "A message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:",
        "A message that you sent has not yet been delivered to one or more of its\n"
        "recipients after more than 24 hours on the queue on relay.example.org.\n"
        "No action is required on your part. Delivery attempts will continue for\nsome time.",
    )


def exchange(came_to: str, to: str, original: str) -> str:
    """Within another multipart, the report in base64, international as RFC 6533 has it."""
    report = (
        "Reporting-MTA: dns;DB9PR04MB8000.eurprd04.prod.outlook.com\nArrival-Date: Mon, 15 Jun 2026 10:00:05 +0000\n\n"
        f"Final-Recipient: rfc822;{to}\nAction: failed\nStatus: 5.1.10\n"
        "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\n"
    )
    coded = base64.encodebytes(report.encode()).decode()
    return f"""From: <postmaster@outlook.example.net>
To: <{came_to}>
Date: Mon, 15 Jun 2026 10:00:06 +0000
Content-Type: multipart/mixed; boundary="outer"
X-MS-Exchange-Message-Is-Ndr:
Subject: Undeliverable: For Ada: 10 % off
MIME-Version: 1.0

--outer
Content-Type: multipart/report; report-type=delivery-status; boundary="inner"

--inner
Content-Type: multipart/alternative; boundary="words"

--words
Content-Type: text/plain; charset="us-ascii"

Delivery has failed to these recipients or groups:

--words
Content-Type: text/html; charset="us-ascii"

<html><body>Delivery has failed to these recipients or groups:</body></html>

--words--

--inner
Content-Type: message/global-delivery-status
Content-Transfer-Encoding: base64

{coded}
--inner
Content-Type: message/rfc822

{original}
(the mail)
--inner--

--outer--
"""


def gmail(came_to: str, to: str, original: str, *, status: str = "5.1.1", said: str = "") -> str:
    said = said or (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 "
        "double-checking the recipient's email address for typos or unnecessary spaces. 550 5.1.1 "
        "For more information, go to https://support.example.net/mail?p=NoSuchUser - gsmtp"
    )
    return f"""Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example.net>
To: {came_to}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <x@alder.example.com>
X-Failed-Recipients: {to}
Content-Type: multipart/report; boundary="00000000000083b1"; report-type=delivery-status
Message-ID: <66b1@mx.example.net>
Date: Mon, 15 Jun 2026 03:00:12 -0700 (PDT)

--00000000000083b1
Content-Type: multipart/related; boundary="00000000000083b2"

--00000000000083b2
Content-Type: text/plain; charset="UTF-8"

** Address not found **

Your message wasn't delivered to {to} because the address couldn't be found.

--00000000000083b2--
--00000000000083b1
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example.net
Arrival-Date: Mon, 15 Jun 2026 03:00:11 -0700 (PDT)
X-Original-Message-ID: <x@alder.example.com>

Final-Recipient: rfc822; {to}
Action: failed
Status: {status}
Remote-MTA: dns; mx.example.net. (192.0.2.27, the server for the domain.)
Diagnostic-Code: smtp; {said}
Last-Attempt-Date: Mon, 15 Jun 2026 03:00:12 -0700 (PDT)

--00000000000083b1
Content-Type: message/rfc822

{original}
----- Message truncated -----

--00000000000083b1--
"""


def qmail(
    came_to: str, to: str, original: str, *,
    said: str = "Sorry, no mailbox here by that name. (#5.1.1)",
) -> str:  # fmt: skip
    return f"""Return-Path: <>
Received: (qmail 4711 invoked for bounce); 15 Jun 2026 10:00:44 -0000
Date: 15 Jun 2026 10:00:44 -0000
From: MAILER-DAEMON@mx.example.org
To: {came_to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{to}>:
{said}

--- Below this line is a copy of the message.

{original}
"""


def arf(
    came_to: str, to: str, original: str, *, kind: str = "abuse", envelope: str = "", told: bool = True
) -> str:  # fmt: skip
    sender = f"Original-Mail-From: <{envelope}>\n" if envelope else ""
    recipient = f"Original-Rcpt-To: <{to}>\n" if told else ""
    return f"""From: <abusedesk@isp.example.net>
Date: Mon, 15 Jun 2026 12:00:00 +0000
Subject: FW: For Ada: 10 % off
To: <{came_to}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.1.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{sender}{recipient}Arrival-Date: Mon, 15 Jun 2026 11:00:00 +0000
Source-IP: 192.0.2.1

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

{original}
Dear Ada

--part1_13d.2e68ed54_boundary--
"""


def vacation(came_to: str, to: str, original: str) -> str:
    return f"""Return-Path: <>
From: Ada <{to}>
To: {came_to}
Subject: Out of office: For Ada: 10 % off
Auto-Submitted: auto-replied (vacation)
Precedence: bulk
In-Reply-To: <x@alder.example.com>
Content-Type: text/plain; charset=utf-8

I am away until 1 July. My old address does not exist any more, user unknown, 550 5.1.1.

{original}
"""


def receipt(came_to: str, to: str, original: str) -> str:
    return f"""From: {to}
To: {came_to}
Subject: Not read: For Ada
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b
Content-Type: text/plain

Your message was deleted without being read.
--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822;{to}
Disposition: automatic-action/MDN-sent-automatically; deleted

--b
Content-Type: text/rfc822-headers

{original}
--b--
"""
