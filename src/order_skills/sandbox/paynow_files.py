"""PayNow's downloadable files, which belong to a product, and the file behind a link."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from order_skills.sandbox import files
from order_skills.sandbox import shop as s
from order_skills.sandbox.data import token
from order_skills.sandbox.exchange import Refused, same, view
from order_skills.sandbox.paynow_options import Options
from order_skills.sandbox.paynow_wire import Json, flake, stamp

LINK_MINUTES = 60  # not documented; the API does not say when a link ends
_KEY = token("", "paynow file links").encode()


class Files:
    """The calls that list a product's files and hand out links to them."""

    def __init__(self, shop: s.Shop, now: Callable[[], datetime], options: Options) -> None:
        self.shop, self.now, self.options = shop, now, options
        self.since = now()

    async def list_files(self, request: Request) -> list[Json]:
        """GET /v1/stores/{storeId}/products/{productId}/downloadable-files"""
        return self._files(self._product(request))

    async def download_url(self, request: Request) -> Json:
        """GET .../downloadable-files/{fileId}/download-url"""
        product = self._product(request)
        wanted = request.path_params["file_id"]
        found = next((f for f in self._files(product) if f["id"] == wanted), None)
        if found is None or not found["is_uploaded"]:
            raise Refused(404, "not-found", "File not found")
        path = quote(f"/files/{flake(product.id)}/{found['file_name']}")
        expires = str(int(self.now().timestamp()) + LINK_MINUTES * 60)
        query = f"expires={expires}&signature={_signature(path, expires)}"
        root = f"{request.url.scheme}://{request.url.netloc}"
        return {"download_signed_url": f"{root}{path}?{query}"}

    async def file(self, request: Request) -> Response:
        """The signed link itself: sends the file, until the link expires."""
        expires = request.query_params.get("expires", "")
        path = quote(request.scope["path"])
        genuine = same(request.query_params.get("signature", ""), _signature(path, expires))
        if not genuine or self.now().timestamp() >= int(expires):
            return PlainTextResponse("This link is not valid or has expired.", 403)
        product = self._product(request)
        return Response(files.content(product), media_type=files.media_type(product))

    def _product(self, request: Request) -> s.Product:
        wanted = request.path_params["product_id"]
        for product in view(request, self.shop).products.values():
            if flake(product.id) == wanted:
                return product
        raise Refused(404, "not-found", "Product not found")

    def _files(self, product: s.Product) -> list[Json]:
        if product.type != s.DIGITAL or self.options.files == "none":
            return []
        uploaded = self.options.files != "pending"
        made = [self._file(product, files.file_name(product), uploaded)]
        if self.options.files == "several":
            made.append(self._file(product, "Second_File.txt", True))
        return made

    def _file(self, product: s.Product, name: str, uploaded: bool) -> Json:
        return {
            "id": flake(f"file {name} of {product.id}"),
            "store_id": flake(self.shop.id),
            "product_id": flake(product.id),
            "is_uploaded": uploaded,
            "file_name": name if uploaded else None,
            "file_content_type": files.media_type(product) if uploaded else None,
            "file_size": len(files.content(product)) if uploaded else None,
            "created_at": stamp(self.since),
        }


def _signature(path: str, expires: str) -> str:
    return hmac.new(_KEY, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()
