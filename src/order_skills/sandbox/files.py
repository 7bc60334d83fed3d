"""What a digital product's download really holds: small generated files, the same every time."""

import io
import zipfile

from order_skills.sandbox.shop import Product

# A fixed time stamp inside the archive keeps its bytes, and so its size, the same on every run.
_ZIP_EPOCH = (2024, 1, 1, 0, 0, 0)


def file_name(product: Product) -> str:
    """The name under which a digital product is downloaded."""
    return product.file_name or f"{product.id}.zip"


def content(product: Product) -> bytes:
    """The bytes of a digital product's file: a zip archive, or plain text for other names."""
    text = f"{product.id}\nThis file stands in for the real one: it came from the sandbox.\n"
    if not file_name(product).lower().endswith(".zip"):
        return text.encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("README.txt", date_time=_ZIP_EPOCH), text)
    return packed.getvalue()


def media_type(product: Product) -> str:
    """The content type of a digital product's file."""
    zipped = file_name(product).lower().endswith(".zip")
    return "application/zip" if zipped else "text/plain; charset=utf-8"
