"""What all of Clawver's answers have in common: an envelope, and an order in it."""

from collections.abc import Callable
from typing import Any, TypeVar

from order_skills.errors import Happened, StoreError
from order_skills.http import Call, StoreClient
from order_skills.orders import Order
from order_skills.stores import clawver_parsing as parsing
from order_skills.stores.reading import Json, Unreadable, bad_answer, mapping

T = TypeVar("T")


class Api:
    """The connection to a Clawver store, under the owner's name for it."""

    def __init__(self, name: str, root: str, client: StoreClient) -> None:
        self.name = name
        self._root = root
        self._http = client

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _read(self, call: Call) -> dict[str, Any]:
        body = (await self._http.read(call)).json
        if (
            not isinstance(body, dict)
            or body.get("success") is False
            or not isinstance(body.get("data"), dict)
        ):
            raise self._bad("it does not have the documented envelope")
        return body

    async def _raw_order(self, order_id: str) -> Json:
        call = Call("GET", "/orders/{o}", {"o": order_id})
        return mapping((await self._read(call))["data"].get("order"))

    def _wanted(self, raw: Json, order_id: str) -> Order:
        order = self._parsed(lambda found: parsing.order(found, self.name), raw)
        if order.order_id != order_id:
            raise self._bad("it is about another order than the one asked for")
        return order

    def _parsed(self, parse: Callable[[Json], T], raw: Json) -> T:
        try:
            return parse(raw)
        except Unreadable as problem:
            raise self._bad(str(problem)) from None

    def _bad(self, problem: str, happened: Happened = Happened.NO) -> StoreError:
        return bad_answer(self._http.title, problem, happened)
