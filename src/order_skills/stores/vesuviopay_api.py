"""What all of VesuvioPay's answers have in common: an envelope, and an order in it."""

from order_skills.errors import Happened, StoreError
from order_skills.http import Answer, Call, StoreClient
from order_skills.http_errors import bad_answer
from order_skills.orders import Order
from order_skills.stores import vesuviopay_parsing as parsing
from order_skills.stores.reading import Json, Unreadable, mapping
from order_skills.stores.vesuviopay_errors import explained


class Api:
    """The connection to a VesuvioPay store, under the owner's name for it."""

    def __init__(self, name: str, client: StoreClient) -> None:
        self.name = name
        self._http = client

    async def _raw(self, order_id: str) -> Json:
        data = mapping(await self._read(Call("GET", "/orders/{o}", {"o": order_id})))
        return mapping(data.get("order")) or data

    async def _read(self, call: Call) -> object:
        try:
            body = mapping((await self._http.read(call)).json)
        except StoreError as error:
            raise explained(error) from None
        if body.get("success") is False or "data" not in body:
            raise self._bad("it does not have the documented envelope")
        return body["data"]

    async def _write(self, call: Call) -> Answer:
        try:
            return await self._http.write(call)
        except StoreError as error:
            raise explained(error) from None

    def _data(self, answer: Answer) -> Json:
        body = mapping(answer.json)
        if body.get("success") is not True:
            raise self._bad("it does not confirm the change", Happened.UNKNOWN)
        data = mapping(body.get("data"))
        return mapping(data.get("order")) or data

    def _order(self, raw: Json, asked: str) -> Order:
        try:
            return parsing.order(raw, self.name, asked)
        except Unreadable as problem:
            raise self._bad(str(problem)) from None

    async def aclose(self) -> None:
        await self._http.aclose()

    def _bad(self, problem: str, happened: Happened = Happened.NO) -> StoreError:
        return bad_answer(self._http.title, problem, happened)
