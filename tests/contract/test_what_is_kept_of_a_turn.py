"""What every store keeps beside a reply: what happened in its turn, who answered, who is known."""

from __future__ import annotations

from server.models import Claim, Event, Exchange, FinishCode, Incoming, Reply, State
from server.stores.base import Store
from tests.clock import FakeClock

LEASE = 10.0
HAPPENED = (Event(1.5, "accepted"), Event(2.25, "send", {"outcome": "taken", "attempts": 1, "seconds": 0.5}))


async def claimed(store: Store, text: str = "Привет", user: str = "anna", phone: str | None = None) -> Claim:
    await store.accept(Incoming(user, "3120", text, "token-of-the-salon", phone=phone))
    (claim,) = await store.claim("w1", LEASE, 1)
    return claim


async def answered(store: Store, text: str, user: str = "anna", phone: str | None = None, **reply: str) -> Claim:
    claim = await claimed(store, text, user, phone)
    await store.save_reply(claim, Reply(f"На {text}", **{"by": "openai", **reply}))  # type: ignore[arg-type]
    await store.finish(claim, State.SENT)
    return claim


async def test_the_timeline_of_a_turn_is_kept_with_the_callers_line(store: Store) -> None:
    claim = await claimed(store)
    await store.save_reply(claim, Reply("Да.", by="openai", original="**Да.**"), HAPPENED[:1])
    await store.finish(claim, State.SENT, timeline=HAPPENED)
    caller, consultant = await store.transcript("anna")
    assert caller.timeline == HAPPENED
    assert (consultant.timeline, consultant.original) == ((), "**Да.**")


async def test_what_was_saved_of_the_timeline_survives_a_worker_that_tells_nothing_more(
    store: Store, clock: FakeClock
) -> None:
    claim = await claimed(store)
    await store.save_reply(claim, Reply("Да.", by="openai"), HAPPENED)
    clock.advance(LEASE + 1)
    (taken,) = await store.claim("w2", LEASE, 1)
    assert taken.message.timeline == HAPPENED
    await store.finish(taken, State.FAILED, "no matter")
    assert (await store.transcript("anna"))[0].timeline == HAPPENED


async def test_a_reply_in_parts_is_kept_as_far_as_it_has_come(store: Store, clock: FakeClock) -> None:
    claim = await claimed(store)
    first = Reply("Раз.", "", parts=("Раз.",), complete=False)
    second = Reply("Раз. Два.", "openai", FinishCode.SUCCESS, parts=("Раз.", "Два."), sent=1)
    for reply in (first, second):
        await store.save_reply(claim, reply)
    clock.advance(LEASE + 1)
    (taken,) = await store.claim("w2", LEASE, 1)
    assert taken.message.reply == second


async def test_of_a_reply_that_failed_half_way_the_history_holds_what_was_heard(store: Store) -> None:
    for sent in (0, 1):
        claim = await claimed(store, f"сколько-{sent}")
        await store.save_reply(claim, Reply("Раз. Два.", "openai", parts=("Раз.", "Два."), sent=sent))
        await store.finish(claim, State.FAILED, "no matter")
    assert (await claimed(store)).history == (Exchange("сколько-1", "Раз."),)


async def test_who_answered_how_many_is_counted_once_they_are_sent(store: Store) -> None:
    await answered(store, "раз")
    await answered(store, "два", by="offline")
    await answered(store, "три")
    failed = await claimed(store)
    await store.save_reply(failed, Reply("Да.", by="openai"))
    await store.finish(failed, State.FAILED, "no matter")
    await store.clear_sessions()
    assert (await store.totals(0)).answered_by == {"openai": 2, "offline": 1}


async def test_a_dictated_number_becomes_the_sessions(store: Store) -> None:
    await answered(store, "запишите номер", phone_number="+375291234567")
    session = await store.session("anna")
    assert session
    assert session.phone_number == "+375291234567"


async def test_a_caller_is_known_by_the_number_he_calls_from(store: Store) -> None:
    await answered(store, "раз", "anna", "+375291234567", client_name="Анна", gender="female")
    await answered(store, "раз", "nameless", "+375291234567")
    known = await store.known_by_phone("+375291234567", "new")
    assert known
    assert (known.user_id, known.client_name, known.gender) == ("anna", "Анна", "female")
    assert await store.known_by_phone("+375291234567", "anna") is None, "only others"
    assert await store.known_by_phone("+375290000000", "new") is None


async def test_a_number_that_was_only_dictated_makes_nobody_known(store: Store) -> None:
    await answered(store, "раз", client_name="Анна", phone_number="+375291234567")
    assert await store.known_by_phone("+375291234567", "new") is None


async def test_who_was_cleared_is_not_known_any_more(store: Store) -> None:
    await answered(store, "раз", "anna", "+375291234567", client_name="Анна")
    await store.clear_session("anna")
    assert await store.known_by_phone("+375291234567", "new") is None


async def test_a_summary_takes_the_place_of_the_older_exchanges(store: Store) -> None:
    first = await answered(store, "раз")
    claim = await answered(store, "два")
    await store.save_summary(claim, "Говорили о числах.", first.message.id)
    later = await claimed(store, "три")
    assert later.session.summary == "Говорили о числах."
    assert later.history == (Exchange("два", "На два"),)
    assert later.history[0].message_id == claim.message.id
    assert len(await store.transcript("anna")) == 5, "the transcript stays whole"


async def test_a_summary_belongs_to_its_conversation_alone(store: Store, clock: FakeClock) -> None:
    claim = await answered(store, "раз")
    await store.save_summary(claim, "Говорили о числах.", claim.message.id)
    clock.advance(2000)
    fresh = await claimed(store, "два")
    assert fresh.session.summary is None
    await store.finish(fresh, State.FAILED, "no matter")
    await store.save_summary(claim, "Поздно.", claim.message.id)
    session = await store.session("anna")
    assert session
    assert session.summary is None


async def test_a_summary_for_a_cleared_session_is_forgotten(store: Store) -> None:
    claim = await answered(store, "раз")
    await store.clear_session("anna")
    await store.save_summary(claim, "Поздно.", claim.message.id)
    assert await store.session("anna") is None
