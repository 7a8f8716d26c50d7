"""Texts of charts, months and units: one entry for each, in English and Indonesian."""

from collections.abc import Mapping

from funnel._messages import Translated

UNITS: Mapping[str, Translated] = {
    "d": ("d", "hari"),
    "h": ("h", "jam"),
    "min": ("min", "menit"),
    "s": ("s", "detik"),
}
"""Units of spans."""

MONTHS: tuple[Translated, ...] = (
    ("January", "Januari"),
    ("February", "Februari"),
    ("March", "Maret"),
    ("April", "April"),
    ("May", "Mei"),
    ("June", "Juni"),
    ("July", "Juli"),
    ("August", "Agustus"),
    ("September", "September"),
    ("October", "Oktober"),
    ("November", "November"),
    ("December", "Desember"),
)
"""Names of the months."""

CHARTS: Mapping[str, str] = {
    r"people": "orang",
    r"converted": "berhasil",
    r"entered": "mulai",
    r"every window is closed": "waktu semua orang sudah habis",
    r"some windows are open": "sebagian masih menunggu",
    r"share of people": "bagian dari orang",
    r"have bought again by now": "sudah belanja lagi",
    r"bought again within (.+)": "belanja lagi dalam {}",
    r"returned, of buyers of the last (.+)": "pernah belanja, dari pembeli {} terakhir",
    r"(.+) % · (.+) of (.+)": "{} % · {} dari {}",
    r"([\d.]+) %(\*?)": "{} %{}",
    r"not enough: (.+) of (.+)": "belum cukup: {} dari {}",
    r"cohort \(people\)": "kohort (orang)",
    r"(.+) \((.+)\)": "{} ({})",
    r"months later": "bulan kemudian",
    r"average": "rata-rata",
    r"purchases": "pembelian",
    r"purchases made": "pembelian yang terjadi",
    r"purchases expected": "perkiraan pembelian",
    r"first day": "hari pertama",
    r"buyers": "pembeli",
    r"new": "baru",
    r"retained": "belanja juga bulan sebelumnya",
    r"resurrected": "kembali belanja",
    r"dormant": "tidak belanja lagi",
}
"""Indonesian texts of charts, by pattern. A text without a pattern stays in English."""
