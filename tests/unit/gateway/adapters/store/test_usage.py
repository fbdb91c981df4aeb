"""Usage as a column: whole, and readable from what was written before calls were kept."""

from gateway.adapters.store.usage import usage_of, usage_text
from gateway.domain.records import Usage
from gateway.domain.thinking import Agreement, CallOutcome, ModelCall

PLAIN = Usage(steps=1, tool_calls=2, tokens_in=3, tokens_out=4, spend_micros=5, wall_ms=6, model="größer")
CALL = ModelCall(
    ballot=2, model="small", outcome=CallOutcome.FAULTED, option="", position=0, detail='it said "no"\n', tokens_in=1, tokens_out=2, spend_micros=3, wall_ms=4
)


def test_usage_comes_back_as_it_was() -> None:
    """With calls, with an agreement, with both, with neither."""
    agreement = Agreement(votes=3, agreeing=2, abstained=1, agreement_min=2)
    every = [Usage(), PLAIN, Usage(calls=(CALL, CALL)), Usage(agreement=agreement), Usage(steps=1, calls=(CALL,), agreement=agreement)]

    assert [usage_of(usage_text(one)) for one in every] == every


def test_what_was_written_before_calls_were_kept_is_read() -> None:
    """Seven places, as they were."""
    assert usage_of('[1,2,3,4,5,6,"größer"]') == PLAIN
    assert usage_text(PLAIN).count(",") == 6
