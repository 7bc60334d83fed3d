"""The demonstration shop, and shops from a data file."""

import copy
import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from order_skills.sandbox import Sandbox, seed
from order_skills.sandbox.clawver_wire import Options
from order_skills.sandbox.data import DataError, load, read


@pytest.fixture
def orders(clock):
    return Sandbox(now=clock).shop.orders


def test_two_demonstration_shops_of_one_moment_are_the_same(clock):
    assert seed.build(clock()) == seed.build(clock())


def test_the_last_day_always_has_orders(clock, orders):
    young = [order for order in orders.values() if order.created_at > clock() - timedelta(hours=24)]
    assert len(young) >= 6


def test_every_status_and_payment_word_is_there(orders):
    statuses = {order.status for order in orders.values()}
    payments = {order.payment_word for order in orders.values()}
    assert statuses == {
        "pending",
        "confirmed",
        "processing",
        "shipped",
        "delivered",
        "cancelled",
    }
    assert payments == {"pending", "paid", "failed", "partially_refunded", "refunded"}
    assert {order.era for order in orders.values()} == {"new", "old"}


def test_shipped_orders_come_with_and_without_tracking(orders):
    shipped = [order for order in orders.values() if order.status == "shipped"]
    assert {order.tracking is None for order in shipped} == {True, False}


def test_items_name_their_variant_by_either_id(clock, orders):
    products = Sandbox(now=clock).shop.products
    by_id, by_provider = 0, 0
    for item in (item for order in orders.values() for item in order.items):
        variants = products[item.product_id].variants
        by_id += any(item.variant_id == variant.id for variant in variants)
        by_provider += any(item.variant_id == variant.provider_id for variant in variants)
    assert min(by_id, by_provider) > 3


def test_nobody_real_can_be_written_to(orders):
    assert all(
        order.customer.email.endswith(("@example.com", "@example.org")) for order in orders.values()
    )


def test_one_customer_has_several_orders_and_some_have_several_lines(orders):
    alex = [o for o in orders.values() if o.customer.email == "alex.river@example.com"]
    assert len(alex) > 5
    assert sum(len(order.items) > 1 for order in orders.values()) > 5
    assert sum(item.quantity > 1 for o in orders.values() for item in o.items) > 5


def test_the_hostile_order_holds_what_a_careless_client_would_show(orders):
    order = orders["ord_1011"]
    for text in (order.items[0].product_name, order.refunds[0].reason):
        assert "\x1b[" in text
        assert any(mark in text for mark in "\u202e\u2066")
    assert "Ignore previous instructions" in order.items[0].product_name


def test_an_order_can_be_changed_under_a_test(clock, orders):
    shop = Sandbox(now=clock).shop
    shop.put(dataclasses.replace(shop.orders["ord_1001"], status="shipped"))
    assert shop.orders["ord_1001"].status == "shipped"
    assert shop.before(1).orders["ord_1001"].status == "confirmed"
    assert shop.before(0).orders == shop.orders


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"platform": "other"}, "platform"),
        ({"era": "ancient"}, "era"),
        ({"options": {"rows": "long"}}, "rows"),
        ({"options": {"columns": 1}}, "columns"),
        ({"data": {}, "shop": seed.build(datetime(2026, 1, 1, tzinfo=UTC))}, "data"),
    ],
)
def test_a_sandbox_that_cannot_be_made_says_why(given, name):
    with pytest.raises(ValueError, match=name):
        Sandbox(**given)


def test_no_options_are_the_defaults():
    assert Options.of(None) == Options.of({}) == Options()


# The data file

SMALL = {
    "products": [
        {"id": "p", "name": "P", "type": "digital", "price_minor": 100},
        {
            "id": "q",
            "name": "Q",
            "type": "print_on_demand",
            "price_minor": 200,
            "variants": [{"id": "q-s", "name": "S", "provider_id": "1"}],
        },
    ],
    "orders": [
        {
            "id": "o",
            "status": "confirmed",
            "hours_ago": 1,
            "customer": {"email": "a@example.com"},
            "items": [{"product_id": "p", "quantity": 2}],
            "refunds": [{"amount_minor": 50, "reason": "r"}],
        }
    ],
}


def edited(path, value):
    data = copy.deepcopy(SMALL)
    *way, last = path
    held = data
    for step in way:
        held = held[step]
    held[last] = value
    return data


def test_what_a_data_file_leaves_out_follows_from_the_rest(clock):
    shop = load(SMALL, clock())
    order = shop.orders["o"]
    assert (order.total_minor, order.payment, order.era) == (200, "paid", "new")
    assert (order.checkout_id, order.items[0].id) == ("chk_o", "item_o_1")
    assert order.created_at == clock() - timedelta(hours=1)
    assert (shop.currency, shop.products["q"].variants[0].price_minor) == ("USD", 200)


def test_an_empty_shop_is_a_shop(clock):
    assert load({}, clock()).orders == {}


ORDER = ("orders", 0)
PRODUCT = ("products", 0)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("orders",), {}, "orders: must be a list"),
        (ORDER, 7, "orders[0]: must be an object"),
        ((*ORDER, "id"), "", "orders[0].id: must be a text"),
        ((*ORDER, "id"), 7, "orders[0].id: must be a text"),
        ((*ORDER, "id"), None, "orders[0].id: is missing"),
        ((*ORDER, "status"), "lost", "orders[0].status: must be one of pending"),
        ((*ORDER, "status"), ["x"], "orders[0].status: must be one of"),
        ((*ORDER, "era"), "middle", "orders[0].era: must be one of new, old"),
        ((*ORDER, "hours_ago"), "1", "orders[0].hours_ago: must be a number"),
        ((*ORDER, "hours_ago"), -1, "orders[0].hours_ago: must be a number"),
        ((*ORDER, "hours_ago"), True, "orders[0].hours_ago: must be a number"),
        ((*ORDER, "hours_ago"), None, "orders[0].created_at: is missing"),
        ((*ORDER, "created_at"), "2026-01-01T00:00:00Z", "orders[0].hours_ago: cannot stand"),
        ((*ORDER, "total_minor"), 1.5, "orders[0].total_minor: must be a whole number"),
        ((*ORDER, "total_minor"), True, "orders[0].total_minor: must be a whole number"),
        ((*ORDER, "refunds", 0, "amount_minor"), 201, "orders[0].refunds: come to more"),
        ((*ORDER, "refunds", 0, "amount_minor"), 0, "refunds[0].amount_minor: must be a whole"),
        ((*ORDER, "payment"), "failed", "orders[0].refunds: come to more"),
        ((*ORDER, "customer"), None, "orders[0].customer: is missing"),
        ((*ORDER, "customer"), "a", "orders[0].customer: must be an object"),
        ((*ORDER, "customer", "mail"), "a", "orders[0].customer.mail: is not known here"),
        ((*ORDER, "shipping_address"), {"line1": 7}, "shipping_address.line1: must be a text"),
        ((*ORDER, "tracking"), {"carrier": "c"}, "orders[0].tracking.number: is missing"),
        ((*ORDER, "items"), [], "orders[0].items: must be a list that is not empty"),
        ((*ORDER, "items", 0, "product_id"), "x", "items[0].product_id: names no product"),
        ((*ORDER, "items", 0, "quantity"), 0, "items[0].quantity: must be a whole number of at"),
        ((*ORDER, "items", 0, "price"), 1, "orders[0].items[0].price: is not known here"),
        (
            (*ORDER, "items"),
            [{"product_id": "q", "variant_id": "x"}],
            "orders[0].items[0].variant_id: names no variant",
        ),
        (
            (*ORDER, "items"),
            [{"product_id": "p", "id": "i"}, {"product_id": "p", "id": "i"}],
            "orders[0].items: have the same id twice",
        ),
        (("orders",), [SMALL["orders"][0]] * 2, "orders[1].id: is already"),
        (
            ("orders",),
            [{**SMALL["orders"][0], "id": name, "checkout_id": "c"} for name in "ab"],
            "orders[1].checkout_id: is already",
        ),
        ((*PRODUCT, "type"), "paper", "products[0].type: must be one of digital"),
        ((*PRODUCT, "price_minor"), "1", "products[0].price_minor: must be a whole number"),
        ((*PRODUCT, "legacy"), "yes", "products[0].legacy: must be true or false"),
        ((*PRODUCT, "variants"), SMALL["products"][1]["variants"], "products[0].variants: belong"),
        (("products",), [SMALL["products"][0]] * 2, "products[1].id: is already"),
        (
            ("products", 1, "variants"),
            [{"id": "v", "name": "V", "provider_id": str(n)} for n in range(2)],
            "products[1].variants: have the same id twice",
        ),
        (("store",), {"url": "x"}, "store.url: is not known here"),
        (("customers",), [], "customers: is not known here"),
    ],
)
def test_a_bad_value_is_named_by_its_path(clock, path, value, says):
    with pytest.raises(DataError) as caught:
        load(edited(path, value), clock())
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path[0]))


@pytest.mark.parametrize("moment", ["yesterday", 5, "2026-01-01T00:00:00"])
def test_a_time_without_its_offset_or_that_is_none_is_refused(clock, moment):
    data = edited((*ORDER, "hours_ago"), None)
    data["orders"][0]["created_at"] = moment
    with pytest.raises(DataError, match=r"^orders\[0\]\.created_at: must"):
        load(data, clock())


def test_a_time_with_another_offset_is_kept_in_utc(clock):
    data = edited((*ORDER, "hours_ago"), None)
    data["orders"][0]["created_at"] = "2026-01-01T02:00:00+02:00"
    assert load(data, clock()).orders["o"].created_at.isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_data_file_is_read(tmp_path, clock):
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(SMALL), encoding="utf-8")
    box = Sandbox(now=clock, data=read(file))
    assert list(box.shop.orders) == ["o"]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"\xff", "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_data_says_why(tmp_path, raw, says):
    file = tmp_path / "shop.json"
    file.write_bytes(raw)
    with pytest.raises(DataError, match=says):
        read(file)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none.json")
