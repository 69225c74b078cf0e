"""What every store knows of a conversation: what was said in it, by whom, where it began and that it has ended."""

from __future__ import annotations

from server.models import Exchange, FinishCode, Reply, State
from server.stores.base import Store
from tests.clock import FakeClock
from tests.contract.steps import answer, claim_one, said


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


async def test_a_conversation_stays_ended_though_an_older_message_of_it_is_tried_again(
    store: Store, clock: FakeClock
) -> None:
    failed = await store.accept(said("Привет"))
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    await store.accept(said("До свидания"))
    await answer(store, "До свидания!", finish=FinishCode.SUCCESS)
    assert await store.retry(failed.message_id)
    await answer(store, "Здравствуйте!")
    session = await store.session("anna")
    assert session is not None
    assert session.ended
    clock.advance(1)
    await store.accept(said("Алло"))
    assert (await claim_one(store)).history == ()


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
