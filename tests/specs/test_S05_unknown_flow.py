"""S05: a flow that fits no rule. Ruling 23; actual is what left the wallet: out positive, in negative. In no bridge line."""

from tests.world import flow, run, world


def test_an_unknown_flow_is_S05_out_positive_and_in_negative():
    month = run(
        world(
            flows=[flow("OUT", "unknown", "-3.80", scene="其它"), flow("IN", "unknown", "12.61"), flow("KNOWN", "fee", "-1.00")]
        )
    )

    assert month.codes == ["S05 IN", "S05 OUT"]
    incoming, outgoing = month.all("S05")
    assert (incoming["expected_fen"], incoming["actual_fen"], incoming["gap_fen"]) == (0, -1261, -1261)
    assert (outgoing["expected_fen"], outgoing["actual_fen"], outgoing["gap_fen"]) == (0, 380, 380)
    assert "其它" in outgoing["why"] and outgoing["evidence"] == ["flows.csv:2"]
    assert month.bridge == {}


def test_one_that_failed_or_comes_after_as_of_is_none():
    flows = [flow("F1", "unknown", "-1.00", status="failed"), flow("F2", "unknown", "-1.00", "2026-11-01 00:00:00")]

    assert run(world(flows=flows)).codes == []


def test_it_names_the_order_the_row_states():
    assert run(world(flows=[flow("F1", "unknown", "-1.00", order_id="O7")])).one("S05")["order_id"] == "O7"
