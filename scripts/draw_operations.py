"""Draw docs/augmentation/operations.png: what RandAugment's operations do to a picture at magnitudes 1, 5 and 9."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from torchal.rng import generator
from torchal.training.draw import Draw
from torchal.training.randaugment import OPERATIONS, changed

MAGNITUDES = (1, 5, 9)
SIDE, GAP, BLOCKS, CAPTION = 64, 4, 3, 20
FILE = Path(__file__).parents[1] / "docs" / "augmentation" / "operations.png"


def picture(fine: int = 4) -> Image.Image:
    """Return a house on a hill, neither quite black nor quite white."""
    size = SIDE * fine
    height = np.linspace(0, 1, size)[:, None, None]
    sky = np.broadcast_to((1 - height) * (70, 130, 205) + height * (215, 205, 190), (size, size, 3))
    image = Image.fromarray(sky.astype(np.uint8))
    pen = ImageDraw.Draw(image)
    shapes = {
        (245, 205, 80): [(46, 6, 58, 18)],
        (95, 150, 75): [(-20, 38, 60, 100)],
        (60, 115, 70): [(24, 44, 100, 110)],
        (40, 95, 55): [(3, 22, 19, 42)],
    }
    for fill, ovals in shapes.items():
        for oval in ovals:
            pen.ellipse([edge * fine for edge in oval], fill)
    pen.rectangle([edge * fine for edge in (10, 40, 12, 50)], (95, 65, 45))
    pen.rectangle([edge * fine for edge in (28, 32, 46, 48)], (205, 185, 160))
    pen.polygon([edge * fine for edge in (25, 32, 37, 20, 49, 32)], (175, 60, 50))
    pen.rectangle([edge * fine for edge in (34, 39, 39, 48)], (90, 60, 50))
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def row(pixels: Tensor, kind: int) -> Tensor:
    """Return one operation at each magnitude, side by side, with a sign and a centre of one's own."""
    kinds, signs, centres = torch.tensor([kind]), torch.tensor([1]), torch.tensor([[0.6, 0.4]], dtype=torch.float64)
    draw = Draw(generator("unused"), 1)
    return torch.stack([changed(pixels[None], m / 9, kinds, signs, centres, draw)[0] for m in MAGNITUDES])


def main() -> None:
    """Draw blocks of one operation each, three abreast."""
    pixels = torch.from_numpy(np.array(picture())).permute(2, 0, 1)
    width, height = len(MAGNITUDES) * (SIDE + GAP) + 3 * GAP, SIDE + CAPTION + 2 * GAP
    sheet = Image.new("RGB", (BLOCKS * width, -(-len(OPERATIONS) // BLOCKS) * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for kind, name in enumerate(OPERATIONS):
        left, top = kind % BLOCKS * width + 2 * GAP, kind // BLOCKS * height + GAP
        pen.text((left, top), name, "black", font)
        for i, tile in enumerate(row(pixels, kind)):
            shown = Image.fromarray(tile.permute(1, 2, 0).contiguous().numpy())
            sheet.paste(shown, (left + i * (SIDE + GAP), top + CAPTION))
    FILE.parent.mkdir(exist_ok=True)
    sheet.save(FILE, optimize=True)
    print(f"{FILE}: {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
