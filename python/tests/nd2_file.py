"""Small files as Nikon's software writes them: chunks, and at the end a map of where each is."""

import struct
import zlib
from pathlib import Path

import numpy as np

MAGIC = 0x0ABECEDA


def encoded(tree):
    """A tree of dicts, numbers and texts in the binary form of Nikon's metadata."""
    return b"".join(_record(name, value) for name, value in tree.items())


def _record(name, value):
    head = name.encode("utf-16-le") + b"\0\0"
    kinds = {bool: (1, "?"), int: (3, "I"), float: (6, "d")}
    if isinstance(value, dict):
        inside = encoded(value)
        n_bytes = 2 + len(head) + 12 + len(inside)
        body = struct.pack("<IQ", len(value), n_bytes) + inside + bytes(8 * len(value))
        kind = 11
    elif isinstance(value, str):
        kind, body = 8, value.encode("utf-16-le") + b"\0\0"
    else:
        kind, form = kinds[type(value)]
        body = struct.pack("<" + form, value)
    return struct.pack("BB", kind, len(head) // 2) + head + body


def write_nd2(path, movie, *, pixel_um=0.16, loop=1, recorded=None, colours=1, compressed=False):
    """A movie ``(frames, rows, columns)``; `loop` is 1 for times, 4 for planes; `recorded` counts the frames that a
    recording got to before it was stopped; with several `colours` the columns' pixels take turns."""
    movie = np.asarray(movie)
    recorded = len(movie) if recorded is None else recorded
    height, width = movie.shape[1], movie.shape[2] // colours
    bits = 8 * movie.dtype.itemsize
    attributes = {"uiBpcInMemory": bits, "uiBpcSignificant": bits, "uiComp": colours, "uiHeight": height,
                  "uiWidth": width, "uiWidthBytes": movie.shape[2] * movie.dtype.itemsize,
                  "uiSequenceCount": recorded, "eCompression": 0 if compressed else 2}  # fmt: skip
    probe = {"m_ExcitationSpectrum": {"uiCount": 0}, "m_EmissionSpectrum": {"uiCount": 0}}
    plane = {"uiCompCount": 1, "uiColor": 255, "sDescription": "Mono", "pFluorescentProbe": probe}
    planes = {"uiCount": colours, "sPlaneNew": {f"a{k}": plane for k in range(colours)}}
    picture = {"bCalibrated": pixel_um is not None, "dCalibration": float(pixel_um or -1), "dTimeAbsolute": 2e6,
               "sPicturePlanes": planes}  # fmt: skip
    parameters = {"uiCount": len(movie), "dStart": 0.0, "dPeriod": 10.0, "dDuration": 100.0}
    chunks = {
        "ImageAttributesLV!": encoded({"SLxImageAttributes": attributes}),
        "ImageMetadataSeqLV|0!": encoded({"SLxPictureMetadata": picture}),
        "ImageMetadataLV!": encoded({"SLxExperiment": {"eType": loop, "uLoopPars": parameters}}),
    }
    for index, frame in enumerate(movie[:recorded]):
        pixels = frame.astype(frame.dtype.newbyteorder("<")).tobytes()
        chunks[f"ImageDataSeq|{index}!"] = bytes(8) + (zlib.compress(pixels) if compressed else pixels)
    data = _chunk("ND2 FILE SIGNATURE CHUNK NAME01!", 32, b"Ver3.0".ljust(64, b"\0"))
    places = b""
    for name, content in chunks.items():
        places += name.encode() + struct.pack("<QQ", len(data), len(content))
        data += _chunk(name, 4072, content)  # so that pixels begin 4096 bytes after their chunk
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(data))
    Path(path).write_bytes(data + _chunk("ND2 FILEMAP SIGNATURE NAME 0001!", 32, places + end))
    return Path(path)


def _chunk(name, name_bytes, content):
    return struct.pack("<IIQ", MAGIC, name_bytes, len(content)) + name.encode().ljust(name_bytes, b"\0") + content
