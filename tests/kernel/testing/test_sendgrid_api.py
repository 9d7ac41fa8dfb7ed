"""The fake SendGrid's other operations: logs, suppressions, erasure, domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.kernel.testing.sending import mail, person

if TYPE_CHECKING:
    from kernel.testing.sendgrid import FakeSendGrid


async def send(http: httpx.AsyncClient, *people: dict[str, Any], **more: Any) -> httpx.Response:
    answer = await http.post("/v3/mail/send", json=mail(*people), **more)
    assert answer.status_code == 202
    return answer


async def search(http: httpx.AsyncClient, query: str, **more: Any) -> list[dict[str, Any]]:
    answer = await http.post("/v3/logs", json={"query": query, "limit": 100}, **more)
    assert answer.status_code == 200, answer.text
    messages: list[dict[str, Any]] = answer.json()["messages"]
    return messages


async def test_logs_settle_what_was_accepted(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    await send(http, person(1), person(2, "bounce.test"))
    fake_sendgrid.events(hold=True)
    await fake_sendgrid.deliver()
    since = 'sg_message_id_created_at >= TIMESTAMP "2020-01-01T00:00:00Z"'
    [found] = await search(http, f'to_email = "A1@example.com" AND {since}')
    assert (found["status"], found["subject"]) == ("delivered", "For Anna 1")
    whole = (await http.get(f"/v3/logs/{found['sg_message_id']}")).json()
    assert whole["custom_args"] == {"ae_message": "m1", "ae_tenant": "alpha"}
    assert [event["event"] for event in whole["events"]] == ["delivered", "processed"]
    [bounced] = await search(http, "status IN ('bounced', 'blocked')")
    assert bounced["to_email"] == "a2@bounce.test" and "5.1.1" in bounced["reason"]
    future = 'sg_message_id_created_at > TIMESTAMP "2120-01-01T00:00:00Z"'
    assert await search(http, future) == []
    assert (await http.get("/v3/logs/none")).status_code == 404


@pytest.mark.parametrize(
    "query", ["nonsense", 'recipe = "x"', 'status = "delivered"', "unique_args['ae_message']=\"m\""]
)
async def test_queries_that_are_none(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.post("/v3/logs", json={"query": query})
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "query"


async def test_messages_by_id_recipient_time_and_custom_arg(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    header_id = (await send(http, person(1), person(2))).headers["X-Message-Id"]
    await send(http, person(3))
    between = 'last_event_time BETWEEN TIMESTAMP "2020-01-01T00:00:00Z" AND TIMESTAMP "2120-01-01T00:00:00Z"'
    for query, count in [
        (f"msg_id LIKE '{header_id}%'", 2),
        (f'to_email="a3@example.com" AND {between}', 1),
        ("(unique_args['ae_message']=\"m2\")", 1),
        ("(unique_args['ae_message']=\"m9\")", 0),
        ('status="processed"', 3),
    ]:
        answer = await http.get("/v3/messages", params={"query": query, "limit": 10})
        assert len(answer.json()["messages"]) == count, query


async def test_subusers_see_their_own(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    await send(http, person(1), headers={"on-behalf-of": "alpha"})
    query = 'to_email = "a1@example.com"'
    assert await search(http, query) == []
    assert await search(http, query, headers={"on-behalf-of": "bravo"}) == []
    assert len(await search(http, query, headers={"on-behalf-of": "alpha"})) == 1


async def test_suppression_lists(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    domains = ("bounce.test", "blocked.test", "spam.test", "unsubscribe.test")
    await send(http, *(person(1, domain) for domain in domains))
    fake_sendgrid.events(hold=True)
    await fake_sendgrid.deliver()
    lists = ("bounces", "blocks", "spam_reports", "unsubscribes")
    for name, domain in zip(lists, domains, strict=True):
        [row] = (await http.get(f"/v3/suppression/{name}")).json()
        assert row["email"] == f"a1@{domain}"
        path = f"/v3/suppression/{name}/a1@{domain}"
        assert (await http.get(path)).json() == [row]
        assert (await http.delete(path)).status_code == 204
        assert (await http.delete(path)).status_code == 404
    assert (await http.get("/v3/suppression/invalid_emails")).json() == []


async def test_unsubscribing_by_hand(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    emails = {"recipient_emails": ["A1@example.com"]}
    for path in ("/v3/asm/suppressions/global", "/v3/asm/groups/7/suppressions"):
        assert (await http.post(path, json=emails)).status_code == 201
    assert (await http.get("/v3/asm/groups/7/suppressions")).json() == ["a1@example.com"]
    told = (await http.get("/v3/asm/suppressions/global/a1@example.com")).json()
    assert told == {"recipient_email": "a1@example.com"}
    await send(http, person(1))
    fake_sendgrid.events(hold=True)
    await fake_sendgrid.deliver()
    [found] = await search(http, 'to_email = "a1@example.com"')
    assert (found["status"], found["reason"]) == ("dropped", "Unsubscribed Address")
    everything = {"delete_all": True}
    path = "/v3/suppression/unsubscribes"
    assert (await http.request("DELETE", path, json=everything)).status_code == 204
    assert (await http.get(path)).json() == []


async def test_erasure(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    await send(http, person(1), person(2))
    path = "/v3/recipients/erasejob"
    answer = await http.post(path, json={"email_addresses": ["a1@example.com"]})
    assert answer.status_code == 202 and answer.json()["job_id"]
    assert await search(http, 'to_email = "a1@example.com"') == []
    assert len(await search(http, 'to_email = "a2@example.com"')) == 1
    assert fake_sendgrid.totals()["accepted"] == 2
    for wrong in ({"email_addresses": []}, {"email_addresses": ["x"]}, {}):
        assert (await http.post(path, json=wrong)).status_code == 400


async def test_domains(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    path = "/v3/whitelabel/domains"
    number = fake_sendgrid.domains.put("shop.example")
    made = (await http.post(path, json={"domain": "new.example"})).json()
    assert {one["domain"]: one["valid"] for one in (await http.get(path)).json()} == {
        "shop.example": True,
        "new.example": False,
    }
    assert (await http.post(f"{path}/{number}/validate")).json()["valid"] is True
    failed = (await http.post(f"{path}/{made['id']}/validate")).json()
    assert failed["validation_results"]["dkim1"]["reason"].startswith("Expected CNAME")
    fake_sendgrid.domains.put("new.example", valid=True)
    assert (await http.post(f"{path}/{made['id']}/validate")).json()["valid"] is True
    assert (await http.get(f"{path}/{made['id']}")).json()["dns"]["dkim1"]["valid"] is True
    assert (await http.get(f"{path}/5")).status_code == 404


async def test_limits_and_faults_of_the_others(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    fake_sendgrid.limit(None, other=2, seconds=3600)
    answers = [await http.get("/v3/scopes") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    fake_sendgrid.limit(None)
    fake_sendgrid.fail(503, on="logs")
    assert (await http.post("/v3/logs", json={})).status_code == 503
    assert (await http.post("/v3/logs", json={})).status_code == 200
