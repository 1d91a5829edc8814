import polars as pl
import pytest

from recon_kit import results, schema
from recon_kit.errors import SchemaError

ALL = [*schema.TABLES.values(), *results.RESULTS.values()]


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_names_are_english_labels_are_chinese_and_both_are_unique(table):
    names, labels = [c.name for c in table.columns], [c.label for c in table.columns]

    assert len(set(names)) == len(names)
    assert len(set(labels)) == len(labels)
    assert all(name.isidentifier() and name.isascii() for name in names)
    assert not any(label.isascii() for label in [table.label, *labels])


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_money_is_fen_and_says_so(table):
    for column in table.columns:
        assert (column.kind == "fen") == column.name.endswith("_fen"), column.name


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_ids_are_text_and_an_enumeration_has_one_chinese_word_a_value(table):
    for column in table.columns:
        assert column.kind == "text" or not column.name.endswith("_id"), column.name
        assert len(set(column.allowed.values())) == len(column.allowed), column.name
        assert column.default is None or not column.allowed or column.default in column.allowed


def test_there_are_seventeen_tables_each_with_a_key():
    assert len(schema.TABLES) == 17
    assert all(table.key for table in schema.TABLES.values())


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=schema.TABLES)
def test_an_empty_table_conforms_and_conforming_twice_changes_nothing(table):
    frame = schema.conform(schema.empty(table), table)

    assert frame.schema == pl.Schema(table.polars_schema)
    assert schema.conform(frame, table).equals(frame)


def product(**cells) -> pl.DataFrame:
    return pl.DataFrame({"sku": ["A"], "title": ["短袖"], **cells})


def test_missing_optional_columns_become_null_in_the_tables_order():
    frame = schema.conform(product(unit_cost_fen=[990]).select("unit_cost_fen", "title", "sku"), schema.PRODUCTS)

    assert frame.columns == ["sku", "title", "category", "unit_cost_fen", "vat_rate", "source_file", "source_row"]
    assert frame.row(0) == ("A", "短袖", None, 990, None, None, None)


def test_an_all_null_column_of_no_type_is_taken():
    assert schema.conform(product(category=[None]), schema.PRODUCTS).schema["category"] == pl.String


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (product(unit_cost=[1]), r"products: unknown columns \['unit_cost'\]"),
        (product().drop("title"), r"required columns \['title'\] are missing"),
        (product(unit_cost_fen=[9.9]), "unit_cost_fen is Float64, expected Int64"),
    ],
)
def test_nothing_is_cast_in_silence(frame, message):
    with pytest.raises(SchemaError, match=message):
        schema.conform(frame, schema.PRODUCTS)


def test_a_column_is_found_by_name_or_refused_by_name():
    assert schema.ORDERS.column("buyer_paid_fen").label == "买家实付"
    with pytest.raises(SchemaError, match="no column 'price'"):
        schema.ORDERS.column("price")


def test_result_tables_are_completed_and_cast():
    frame = results.conform_result(pl.DataFrame({"line": ["A0"], "n": pl.Series([3], dtype=pl.UInt32)}), results.BRIDGE)

    assert frame.to_dicts() == [{"line": "A0", "label": None, "amount_fen": None, "n": 3}]
    assert frame.schema == pl.Schema(results.result_schema(results.BRIDGE))
