"""What every store promises, told message by message. The same suite runs on every engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

import pytest

from server.errors import InboxFull, LeaseLost
from server.models import Claim, Exchange, FinishCode, Incoming, Message, Reply, State, Worker
from server.stores.base import CROWD, Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.polling import eventually

LEASE = 10.0


def said(text: str = "Привет", user: str = "anna", **fields: str) -> Incoming:
    return Incoming(user_id=user, session_id="3120", text=text, token="token-of-the-salon", **fields)


async def claim_one(store: Store, worker: str = "w1") -> Claim:
    (claim,) = await store.claim(worker, LEASE, 1)
    return claim


async def answer(store: Store, text: str = "Здравствуйте!", finish: FinishCode | None = None) -> Claim:
    claim = await claim_one(store)
    await store.save_reply(claim, Reply(text, by="offline", finish=finish))
    await store.finish(claim, State.SENT)
    return claim


async def stored(store: Store, message_id: str) -> Message:
    message = await store.message(message_id)
    assert message is not None
    return message


# Accepting


async def test_an_accepted_message_waits_with_everything_the_caller_said(store: Store, clock: FakeClock) -> None:
    incoming = said(external_id="33688", phone="+375291234567", name="Анна")
    accepted = await store.accept(incoming)
    message = await stored(store, accepted.message_id)
    assert not accepted.duplicate
    assert message.incoming == incoming
    assert (message.state, message.accepted_at, message.attempts) == (State.ACCEPTED, clock.now(), 0)


async def test_the_same_message_delivered_twice_is_stored_once(store: Store) -> None:
    first = await store.accept(said(external_id="1"))
    second = await store.accept(said(external_id="1"))
    assert (second.message_id, second.duplicate) == (first.message_id, True)
    session = await store.session("anna")
    assert session is not None
    assert session.messages_count == 1


async def test_the_same_id_of_another_caller_is_another_message(store: Store) -> None:
    first = await store.accept(said(user="anna", external_id="1"))
    second = await store.accept(said(user="boris", external_id="1"))
    assert not second.duplicate
    assert first.message_id != second.message_id


async def test_equal_texts_without_an_id_are_two_messages(store: Store) -> None:
    first, second = await store.accept(said("да")), await store.accept(said("да"))
    assert first.message_id != second.message_id
    assert not second.duplicate


async def test_deliveries_of_one_message_at_the_same_moment_are_stored_once(store: Store) -> None:
    accepted = await asyncio.gather(*(store.accept(said(external_id="1")) for _ in range(20)))
    assert len({one.message_id for one in accepted}) == 1
    assert sum(not one.duplicate for one in accepted) == 1


async def test_a_full_inbox_refuses_new_messages_but_recognises_old_ones(store: Store) -> None:
    for number in range(20):
        await store.accept(said(user=f"caller-{number}", external_id="1"))
    with pytest.raises(InboxFull):
        await store.accept(said(user="one-too-many"))
    with pytest.raises(InboxFull):
        await store.check()
    assert await store.session("one-too-many") is None
    assert (await store.accept(said(user="caller-7", external_id="1"))).duplicate


async def test_a_full_inbox_takes_messages_again_once_one_is_finished(store: Store) -> None:
    for number in range(20):
        await store.accept(said(user=f"caller-{number}"))
    await answer(store)
    await store.accept(said(user="the-next"))


async def test_who_floods_the_inbox_is_refused_before_others_are(store: Store) -> None:
    for number in range(5):
        await store.accept(said(external_id=str(number)))
    with pytest.raises(InboxFull, match="inbox_per_session"):
        await store.accept(said())
    assert (await store.accept(said(external_id="4"))).duplicate
    assert not (await store.accept(said(user="boris"))).duplicate
    await answer(store)
    await store.accept(said())


async def test_who_would_have_to_wait_too_long_is_refused_until_workers_have_caught_up(
    store_url: str, clock: FakeClock
) -> None:
    store = store_from_url(store_url, StoreLimits(wait=2.0), clock)
    await store.open()
    try:
        for number in range(CROWD):
            await store.accept(said(user=f"caller-{number}", external_id="1"))
        assert not (await store.accept(said(user="in time"))).duplicate
        clock.advance(3)
        callers = count()

        async def refused() -> str:
            try:
                await store.accept(said(user=f"perhaps too late {next(callers)}"))
            except InboxFull as full:
                return str(full)
            return ""

        await eventually(refused, lambda why: "limits.wait" in why)  # Redis tells by its own time how long one waits
        with pytest.raises(InboxFull, match=r"limits\.wait"):
            await store.check()
        assert (await store.accept(said(user="caller-0", external_id="1"))).duplicate
        assert len(await store.claim("worker", 10, 1000)) > CROWD
        assert not (await store.accept(said(user="after that"))).duplicate, "they are being worked on"
    finally:
        await store.close()


async def test_a_store_without_damage_has_nothing_to_say(store: Store) -> None:
    await store.accept(said())
    await store.examine()
    assert await store.check() is None


# Claiming


async def test_a_claim_that_waits_returns_when_it_is_woken(store: Store) -> None:
    waiting = asyncio.create_task(store.claim("w1", LEASE, 1, wait=0.3))

    def done() -> bool:
        store.wake()
        return waiting.done()

    await eventually(done)
    assert list(waiting.result()) == []


async def test_a_claim_carries_the_message_its_session_and_the_right_to_work(store: Store, clock: FakeClock) -> None:
    accepted = await store.accept(said(name="Анна"))
    claim = await claim_one(store)
    assert claim.message.id == accepted.message_id
    assert (claim.message.state, claim.message.attempts) == (State.ANSWERING, 1)
    assert claim.session.client_name == "Анна"
    assert claim.expires_at == clock.now() + LEASE


async def test_nobody_else_gets_a_session_that_is_being_worked_on(store: Store) -> None:
    await store.accept(said("Первое"))
    await store.accept(said("Второе"))
    await claim_one(store, "w1")
    assert list(await store.claim("w2", LEASE, 10)) == []


async def test_workers_that_claim_at_the_same_moment_get_different_sessions(store: Store) -> None:
    for number in range(10):
        await store.accept(said(user=f"caller-{number}"))
    taken = await asyncio.gather(*(store.claim(f"w{number}", LEASE, 3) for number in range(5)))
    users = [claim.user_id for claims in taken for claim in claims]
    assert sorted(users) == sorted(f"caller-{number}" for number in range(10))


async def test_messages_of_a_session_come_in_the_order_of_acceptance(store: Store) -> None:
    for text in ("раз", "два", "три"):
        await store.accept(said(text))
    assert [(await answer(store)).message.incoming.text for _ in range(3)] == ["раз", "два", "три"]


async def test_who_has_waited_longest_is_served_first(store: Store, clock: FakeClock) -> None:
    for user in ("anna", "boris", "vera"):
        await store.accept(said(user=user))
        clock.advance(1)
    assert [claim.user_id for claim in await store.claim("w1", LEASE, 2)] == ["anna", "boris"]


async def test_a_caller_who_floods_waits_behind_the_others(store: Store, clock: FakeClock) -> None:
    for _ in range(5):
        await store.accept(said(user="flood"))
    clock.advance(1)
    await store.accept(said(user="anna"))
    clock.advance(1)
    assert [(await answer(store)).user_id for _ in range(3)] == ["flood", "anna", "flood"]


async def test_a_session_of_a_dead_worker_is_claimed_by_another_after_the_lease(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    dead = await claim_one(store, "dead")
    clock.advance(LEASE - 0.1)
    assert list(await store.claim("w2", LEASE, 1)) == []
    clock.advance(0.2)
    taken = await claim_one(store, "w2")
    assert taken.message.id == dead.message.id
    assert taken.message.attempts == 2
    assert taken.fence > dead.fence


async def test_a_renewed_lease_keeps_the_session(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    claim = await claim_one(store)
    for _ in range(3):
        clock.advance(LEASE - 1)
        (claim,) = await store.renew([claim], LEASE)
    assert claim.expires_at == clock.now() + LEASE
    assert list(await store.claim("w2", LEASE, 1)) == []
    await store.finish(claim, State.FAILED, "no matter")


async def test_a_lost_lease_is_not_renewed_and_nothing_can_be_written_with_it(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    lost = await claim_one(store, "slow")
    clock.advance(LEASE + 1)
    await claim_one(store, "w2")
    assert list(await store.renew([lost], LEASE)) == []
    with pytest.raises(LeaseLost):
        await store.save_reply(lost, Reply("поздно", by="offline"))
    with pytest.raises(LeaseLost):
        await store.finish(lost, State.SENT)
    assert (await stored(store, lost.message.id)).reply is None


async def test_a_released_claim_is_as_if_it_had_never_been(store: Store) -> None:
    accepted = await store.accept(said())
    claim = await claim_one(store)
    await store.release([claim])
    message = await stored(store, accepted.message_id)
    assert (message.state, message.attempts) == (State.ACCEPTED, 0)
    assert (await claim_one(store, "w2")).message.id == accepted.message_id
    with pytest.raises(LeaseLost):
        await store.finish(claim, State.SENT)


# Answering


async def test_a_stored_reply_survives_its_worker(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    await store.save_reply(await claim_one(store), Reply("Маникюр стоит 60 рублей.", by="offline"))
    clock.advance(LEASE + 1)
    taken = await claim_one(store, "w2")
    assert taken.message.state is State.ANSWERED
    assert taken.message.reply == Reply("Маникюр стоит 60 рублей.", by="offline")


@pytest.mark.parametrize("state", [State.SENT, State.FAILED, State.EXPIRED])
async def test_a_finished_message_is_never_claimed_again(store: Store, clock: FakeClock, state: State) -> None:
    accepted = await store.accept(said())
    claim = await claim_one(store)
    await store.finish(claim, state, "because")
    clock.advance(LEASE * 100)
    assert list(await store.claim("w2", LEASE, 1)) == []
    message = await stored(store, accepted.message_id)
    assert (message.state, message.reason) == (state, "because")
    with pytest.raises(LeaseLost):
        await store.finish(claim, State.SENT)


async def test_a_failed_message_sent_again_is_tried_again_with_its_stored_reply(store: Store) -> None:
    await store.accept(said(external_id="1"))
    claim = await claim_one(store)
    await store.save_reply(claim, Reply("Да", by="offline"))
    await store.finish(claim, State.FAILED, "TalkMe is away")
    mended = replace(said(external_id="1"), token="the-right-token")
    again = await store.accept(mended)
    assert (again.message_id, again.duplicate) == (claim.message.id, True)
    message = (await claim_one(store)).message
    assert (message.incoming.token, message.attempts) == ("the-right-token", 1)
    assert (message.state, message.reply, message.reason) == (State.ANSWERED, Reply("Да", by="offline"), None)


async def test_what_the_client_said_about_himself_is_remembered_once_the_reply_is_sent(store: Store) -> None:
    await store.accept(said("Меня зовут Анна"))
    claim = await claim_one(store)
    await store.save_reply(claim, Reply("Очень приятно", by="offline", client_name="Анна", gender="female"))
    session = await store.session("anna")
    assert session is not None
    assert session.client_name is None
    await store.finish(claim, State.SENT)
    session = await store.session("anna")
    assert session is not None
    assert (session.client_name, session.gender) == ("Анна", "female")


# Conversations


async def test_a_claim_sees_the_latest_exchanges_that_were_really_sent(store: Store) -> None:
    for number in range(5):
        await store.accept(said(f"вопрос {number}"))
        await answer(store, f"ответ {number}")
    await store.accept(said("не дошло"))
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    await store.accept(said("и ещё"))
    history = (await claim_one(store)).history
    assert history == tuple(Exchange(f"вопрос {number}", f"ответ {number}") for number in (2, 3, 4))


async def test_after_a_long_silence_a_new_conversation_begins(store: Store, clock: FakeClock) -> None:
    await store.accept(said("Меня зовут Анна", name="Анна"))
    await answer(store)
    clock.advance(1801)
    await store.accept(said("Алло"))
    claim = await claim_one(store)
    assert claim.history == ()
    assert claim.session.conversation_since == clock.now()
    assert claim.session.client_name == "Анна"


async def test_an_ended_conversation_is_followed_by_a_new_one(store: Store, clock: FakeClock) -> None:
    await store.accept(said("До свидания"))
    await answer(store, "До свидания!", finish=FinishCode.SUCCESS)
    session = await store.session("anna")
    assert session is not None
    assert session.ended
    clock.advance(1)
    await store.accept(said("Алло"))
    claim = await claim_one(store)
    assert claim.history == ()
    assert not claim.session.ended


async def test_the_transcript_tells_who_said_what_and_what_became_of_it(store: Store) -> None:
    await store.accept(said("Привет"))
    await answer(store, "Здравствуйте!")
    await store.accept(said("Сколько стоит маникюр?"))
    lines = [(line.role, line.text, line.state) for line in await store.transcript("anna")]
    assert lines == [
        ("caller", "Привет", State.SENT),
        ("consultant", "Здравствуйте!", State.SENT),
        ("caller", "Сколько стоит маникюр?", State.ACCEPTED),
    ]


# Outcomes


async def test_who_waits_for_a_message_learns_its_outcome(store: Store) -> None:
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 25))
    await answer(store, finish=FinishCode.SUCCESS)
    outcome = await waiting
    assert outcome is not None
    assert (outcome.state, outcome.finish) == (State.SENT, FinishCode.SUCCESS)


async def test_an_outcome_that_is_there_already_is_told_at_once(store: Store) -> None:
    accepted = await store.accept(said())
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    outcome = await store.outcome(accepted.message_id, 25)
    assert outcome is not None
    assert (outcome.state, outcome.reason) == (State.FAILED, "TalkMe is away")


async def test_waiting_for_an_outcome_ends_with_its_time(store: Store, clock: FakeClock) -> None:
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 25))

    def passed() -> bool:
        clock.advance(1)
        return waiting.done()

    await eventually(passed)
    assert await waiting is None


# Clearing and looking


async def test_a_cleared_session_is_gone_with_all_its_messages(store: Store) -> None:
    accepted = await store.accept(said())
    await store.accept(said(user="boris"))
    assert await store.clear_session("anna")
    assert await store.session("anna") is None
    assert await store.message(accepted.message_id) is None
    assert list(await store.transcript("anna")) == []
    assert await store.session("boris") is not None
    assert not await store.clear_session("anna")


async def test_clearing_a_session_stops_the_turn_that_works_on_it(store: Store, clock: FakeClock) -> None:
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 25))
    claim = await claim_one(store)
    await store.clear_session("anna")
    with pytest.raises(LeaseLost):
        await store.save_reply(claim, Reply("в пустоту", by="offline"))

    def told() -> bool:
        clock.advance(0.1)
        return waiting.done()

    await eventually(told)
    outcome = await waiting
    assert outcome is not None
    assert outcome.state is State.FAILED


async def test_a_claim_on_a_cleared_session_is_no_claim_on_the_one_that_follows_it(store: Store) -> None:
    await store.accept(said())
    old = await claim_one(store)
    await store.clear_session("anna")
    await store.accept(said("Снова я"))
    await claim_one(store)
    with pytest.raises(LeaseLost):
        await store.finish(old, State.SENT)


async def test_all_sessions_can_be_cleared_at_once(store: Store, clock: FakeClock) -> None:
    for user in ("anna", "boris"):
        await store.accept(said(user=user))
    assert await store.clear_sessions() == 2
    totals = await store.totals(clock.now() - 60)
    assert (totals.total_sessions, totals.queue_depth) == (0, 0)


async def test_sessions_are_listed_by_latest_activity_and_may_be_only_the_active(
    store: Store, clock: FakeClock
) -> None:
    for user in ("anna", "boris", "vera"):
        await store.accept(said(user=user))
        clock.advance(60)
    assert [session.user_id for session in await store.sessions(2)] == ["vera", "boris"]
    assert [session.user_id for session in await store.sessions(9, clock.now() - 90)] == ["vera"]
    assert [session.user_id for session in await store.sessions(9, offset=1)] == ["boris", "anna"]


async def test_dead_letters_are_listed_with_their_reason_and_can_be_tried_again(store: Store, clock: FakeClock) -> None:
    for user, state in (("anna", State.FAILED), ("boris", State.EXPIRED), ("vera", State.SENT)):
        await store.accept(said(user=user))
        claim = await claim_one(store)
        await store.save_reply(claim, Reply(f"Ответ для {user}", by="offline"))
        await store.finish(claim, state, f"reason of {user}")
        clock.advance(60)
    boris, anna = await store.dead(10)
    assert [(message.incoming.user_id, message.reason, message.attempts) for message in (anna, boris)] == [
        ("anna", "reason of anna", 1),
        ("boris", "reason of boris", 1),
    ]
    assert list(await store.dead(10, since=clock.now() - 150)) == [boris]
    assert await store.retry(boris.id)
    assert not await store.retry(boris.id)
    assert list(await store.dead(10)) == [anna]
    again = await claim_one(store)
    assert (again.message.id, again.message.state, again.message.reply) == (boris.id, State.ANSWERED, boris.reply)
    assert again.message.waiting_since == clock.now(), "its age counts from the retry, else it would expire again"
    assert again.message.accepted_at == boris.accepted_at, "when it was said does not change"


async def test_a_dropped_dead_letter_is_gone_and_nothing_else_can_be_dropped(store: Store) -> None:
    accepted = await store.accept(said())
    assert not await store.drop(accepted.message_id)
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    assert await store.drop(accepted.message_id)
    assert list(await store.dead(10)) == []
    assert not await store.drop(accepted.message_id)
    assert not await store.retry("no such id")


async def test_sweeping_closes_silent_sessions_and_removes_old_ones(store: Store, clock: FakeClock) -> None:
    await store.accept(said(user="anna"))
    await answer(store)
    await store.accept(said(user="waiting"))
    swept = await store.sweep()
    assert (swept.closed_sessions, swept.removed_messages, swept.removed_sessions) == (0, 0, 0)
    clock.advance(1801)
    assert (await store.sweep()).closed_sessions == 1
    session = await store.session("anna")
    assert session is not None
    assert session.ended
    clock.advance(31 * 86_400)
    await store.sweep()
    assert await store.session("anna") is None
    assert list(await store.transcript("anna")) == []
    assert [line.text for line in await store.transcript("waiting")] == ["Привет"], "what waits is never removed"


async def test_a_caller_who_keeps_calling_keeps_his_session_but_not_his_old_words(
    store: Store, clock: FakeClock
) -> None:
    await store.accept(said("давно"))
    await answer(store)
    clock.advance(31 * 86_400)
    await store.accept(said("сегодня"))
    await answer(store)
    await store.sweep()
    assert [line.text for line in await store.transcript("anna") if line.role == "caller"] == ["сегодня"]
    session = await store.session("anna")
    assert session is not None
    assert session.messages_count == 2


async def test_totals_say_how_the_callers_fare(store: Store, clock: FakeClock) -> None:
    for text in ("раз", "два", "три"):
        await store.accept(said(text))
    clock.advance(2)
    await answer(store)
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    totals = await store.totals(clock.now() - 60)
    assert (totals.total_sessions, totals.active_sessions) == (1, 1)
    assert (totals.messages_processed, totals.errors, totals.queue_depth) == (1, 1, 1)
    assert totals.oldest_waiting_since == clock.now() - 2
    assert totals.latencies == (2.0,)


async def test_figures_of_the_past_outlive_the_sessions_they_came_from(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    await answer(store)
    await store.clear_sessions()
    assert (await store.totals(clock.now() - 60)).messages_processed == 1


async def test_workers_are_known_while_they_report(store: Store, clock: FakeClock) -> None:
    old = Worker("w1", 1, "host", started_at=1.0, seen_at=clock.now() - 60, turns=0, consultant="offline")
    new = Worker("w2", 2, "host", started_at=2.0, seen_at=clock.now(), turns=3, consultant="offline")
    for worker in (new, old):
        await store.report(worker)
    assert list(await store.workers(0)) == [old, new]
    assert list(await store.workers(clock.now() - 30)) == [new]
    await store.leave("w2")
    assert list(await store.workers(0)) == [old]


async def test_what_workers_have_counted_adds_up_and_stays_when_they_are_gone(store: Store, clock: FakeClock) -> None:
    def told(worker_id: str, **counts: float) -> Worker:
        return Worker(worker_id, 1, "host", clock.now(), clock.now(), gauges={"lag": 0.25}, counts=counts)

    await store.report(told("w1", sent=3.0, seconds=0.7))
    await store.report(told("w1", sent=5.0, seconds=0.7))
    await store.report(told("w1", sent=5.0, seconds=0.7))  # a report that is repeated tells nothing new
    await store.report(told("w2", sent=1.0, failed=2.0))
    await store.leave("w1")
    await store.report(told("w2", sent=2.0, failed=2.0))
    assert dict(await store.counted()) == {"sent": 7.0, "failed": 2.0, "seconds": 0.7}
    assert [(worker.id, dict(worker.gauges)) for worker in await store.workers(0)] == [("w2", {"lag": 0.25})]


async def test_messages_that_expired_are_counted_apart(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    await store.finish(await claim_one(store), State.EXPIRED, "too old")
    totals = await store.totals(clock.now() - 60)
    assert (totals.messages_processed, totals.errors, totals.expired) == (0, 0, 1)
