"""Texts of the report: one entry for each, in English and Indonesian.

A text in braces is replaced. `funnel._messages` has the texts of answers and reasons.
"""

from collections.abc import Mapping

from funnel._messages import Translated

REPORT: Mapping[str, Translated] = {
    # ---- the page
    "title": ("Report of {name}", "Laporan {name}"),
    "more": ("{name} and {count} more", "{name} dan {count} lainnya"),
    "as_of": ("as of {moment} ({zone})", "per {moment} ({zone})"),
    "contents": ("Contents", "Daftar isi"),
    "intervals": (
        "In brackets: the counts, and the 95 % confidence interval (Wilson).",
        "Dalam kurung: jumlah orang, dan selang kepercayaan 95 % (Wilson).",
    ),
    "shown": ("Shown: {what}.", "Ditampilkan: {what}."),
    "shown_rows": ("{shown} of {count}", "{shown} dari {count}"),
    "one_person": ("1 person", "1 orang"),
    "some_people": ("{count} people", "{count} orang"),
    "total": ("total", "jumlah"),
    "to": ("{low} to {high} %", "{low} sampai {high} %"),
    "no_rate": ("no rate (0 of 0)", "belum ada angka (0 dari 0)"),
    "rate": ("{share} ({hits} of {trials}; {interval})", "{share} ({hits} dari {trials}; {interval})"),
    # ---- what was read
    "read": ("Rows and records", "Data yang dibaca"),
    "rows_read": (
        "{rows} rows: {kept} kept, {merged} merged, {refused} refused.",
        "{rows} baris: {kept} dipakai, {merged} digabung, {refused} ditolak.",
    ),
    "covered": ("Purchases from {first} to {last}.", "Pembelian dari {first} sampai {last}."),
    "later": (
        "Excluded purchases, after the time of the report: {count}.",
        "Pembelian sesudah waktu laporan, tidak dihitung: {count}.",
    ),
    "no_purchases": ("No purchases.", "Belum ada pembelian."),
    "need_purchases": (
        "Conversion, repeat rates, cohorts and rhythms need purchases: pass the export of the orders too.",
        (
            "Konversi, pembelian ulang, kohort, dan kebiasaan belanja memerlukan data pembelian: sertakan juga ekspor "
            "pesanan."
        ),
    ),
    "count": ("count", "jumlah"),
    "reason": ("reason", "keterangan"),
    "first_rows": ("first rows", "baris pertama"),
    # ---- the month in brief
    "brief": ("The month in brief", "Ringkasan bulan ini"),
    "ask_conversion": ("Did conversion change?", "Apakah konversi berubah?"),
    "ask_repeat": ("Do first-time buyers return?", "Apakah pembeli pertama kembali belanja?"),
    "ask_overdue": ("Who is overdue?", "Siapa yang terlambat belanja?"),
    "ask_growth": ("Did the shop grow?", "Apakah toko bertumbuh?"),
    "ask_expected": ("What is expected next month?", "Apa perkiraan bulan depan?"),
    "lead_conversion": (
        "Leads of {month}: {rate} bought within {within}.",
        "Dari prospek yang datang pada {month}, {rate} membeli dalam {within}.",
    ),
    "buyer_conversion": (
        "First-time buyers of {month}: {rate} bought again within {within}.",
        "Dari pembeli pertama pada {month}, {rate} belanja lagi dalam {within}.",
    ),
    "conversion_open": (
        "No month is over with {within} for each person to buy; there is no comparison yet.",
        "Belum ada bulan yang seluruh orangnya sudah mendapat waktu {within}; belum bisa dibandingkan.",
    ),
    "conversion_up": (
        "It rose by {points} points since {month} ({low} to {high}).",
        "Naik {points} poin dibanding {month} ({low} sampai {high}).",
    ),
    "conversion_down": (
        "It fell by {points} points since {month} ({low} to {high}).",
        "Turun {points} poin dibanding {month} ({low} sampai {high}).",
    ),
    "conversion_same": (
        "In {month} it was {share}: the difference of {points} points may be chance ({low} to {high}).",
        "Pada {month} angkanya {share}: selisih {points} poin bisa jadi kebetulan ({low} sampai {high}).",
    ),
    "conversion_few": (
        "That month or {month} has too few people for a comparison.",
        "Orangnya pada bulan itu atau {month} terlalu sedikit untuk dibandingkan.",
    ),
    "repeat_within": (
        "Buyers who first bought {within} ago or longer: {rate} bought again within {within}.",
        "Dari pembeli yang pertama belanja {within} lalu atau lebih, {rate} belanja lagi dalam {within}.",
    ),
    "repeat_none": (
        "Nobody first bought {within} ago or longer yet.",
        "Belum ada pembeli yang pertama belanja {within} lalu atau lebih.",
    ),
    "repeat_pending": (
        "Pending: {people}, who still have time; the rate excludes them.",
        "Masih menunggu, belum dihitung: {people}.",
    ),
    "overdue_rate": (
        (
            "Buyers with {purchases} purchases or more, {interval} or more apart on average: {rate} are overdue, "
            "silent for more than {percent} % of their own interval."
        ),
        (
            "Dari pembeli dengan {purchases} pembelian atau lebih, rata-rata berjarak {interval} atau lebih, {rate} "
            "terlambat: tidak belanja lebih dari {percent} % jarak belanjanya sendiri."
        ),
    ),
    "overdue_none": (
        "Nobody has {purchases} purchases or more, {interval} or more apart on average, yet.",
        "Belum ada pembeli dengan {purchases} pembelian atau lebih, rata-rata berjarak {interval} atau lebih.",
    ),
    "grown": (
        "In {month}, {people} bought ({buyers_change} against {before}) and paid {revenue} ({revenue_change}).",
        (
            "Pada {month}, {people} belanja ({buyers_change} dibanding {before}) dan membayar {revenue} "
            "({revenue_change})."
        ),
    ),
    "grown_from_none": (
        "In {month}, {people} bought and paid {revenue}. In {before}, nobody bought.",
        "Pada {month}, {people} belanja dan membayar {revenue}. Pada {before} tidak ada yang belanja.",
    ),
    "grown_open": (
        "{month} is not over: {people} so far.",
        "{month} belum selesai: sejauh ini {people}.",
    ),
    "no_growth": (
        "Two months must be over for a comparison.",
        "Perlu dua bulan yang sudah selesai untuk dibandingkan.",
    ),
    "new_from_none": ("none before", "sebelumnya tidak ada"),
    # ---- stages and leads
    "stages": ("People per stage", "Jumlah orang per tahap"),
    "stage_largest": (
        "{total}. The largest stage is {stage}: {people} ({share}).",
        "{total}. Tahap terbanyak: {stage}, {people} ({share}).",
    ),
    "nobody": ("Nobody yet.", "Belum ada orang."),
    "stage": ("stage", "tahap"),
    "people": ("people", "orang"),
    "share": ("share", "bagian"),
    "over_time": ("People in each stage at the end of the month.", "Jumlah orang per tahap pada akhir bulan."),
    "month": ("month", "bulan"),
    "open_month": ("* the month is not over.", "* bulan belum selesai."),
    "leads": ("Leads by source", "Prospek menurut asal"),
    "lead_total": ("Leads: {count}. Sources: {sources}.", "Prospek: {count}. Asal: {sources}."),
    "source": ("source", "asal"),
    "unknown": ("(unknown)", "(tidak diketahui)"),
    "lead_count": ("leads", "prospek"),
    "first": ("first", "pertama"),
    "last": ("last", "terakhir"),
    # ---- conversion, repeat orders, cohorts and growth
    "conversion": ("Conversion by month", "Konversi per bulan"),
    "conversion_leads": ("From lead to first purchase", "Dari prospek sampai pembelian pertama"),
    "conversion_buyers": ("From first to second purchase", "Dari pembelian pertama sampai kedua"),
    "entered": ("people", "orang"),
    "converted": ("converted", "berhasil"),
    "pending": ("pending", "masih menunggu"),
    "rate_head": ("rate of closed windows", "angka dari yang waktunya sudah habis"),
    "open_window": (
        "* some people of the month still have time.",
        "* sebagian orang bulan itu masih punya waktu.",
    ),
    "few_people": (
        "A month in which fewer than {people} have a closed window has no point in the picture.",
        "Bulan yang waktunya baru habis untuk kurang dari {people} tidak punya titik di grafik.",
    ),
    "repeat": (
        "From customer to repeat customer",
        "Dari konsumen menjadi pelanggan",
    ),
    "rate_name": ("question", "pertanyaan"),
    "value": ("answer", "jawaban"),
    "within": (
        "bought again within {within}, of buyers who first bought {within} ago or longer",
        "belanja lagi dalam {within}, dari pembeli yang pertama belanja {within} lalu atau lebih",
    ),
    "ever": ("bought again by now, of all buyers", "sudah belanja lagi, dari semua pembeli"),
    "returning": (
        "had bought before, of buyers of the last {within}",
        "pernah belanja sebelumnya, dari pembeli {within} terakhir",
    ),
    "cohorts": ("Monthly cohorts", "Kohort bulanan"),
    "cohorts_meaning": (
        "People by month of their first purchase, and the share of them who bought in each later month, in %.",
        "Orang menurut bulan pembelian pertama, dan bagian yang belanja pada tiap bulan sesudahnya, dalam %.",
    ),
    "cohort_blank": ("Blank: that month has not begun.", "Kosong: bulan itu belum mulai."),
    "last_cohorts": ("the last {shown} of {count} cohorts", "{shown} dari {count} kohort terakhir"),
    "most_months": ("{months} months at most", "paling banyak {months} bulan"),
    "growth": ("Growth", "Pertumbuhan"),
    "buyers": ("buyers", "pembeli"),
    "new": ("new", "baru"),
    "retained": ("also bought the month before", "belanja juga bulan sebelumnya"),
    "resurrected": ("came back", "kembali belanja"),
    "dormant": ("did not buy again", "tidak belanja lagi"),
    "revenue": ("paid", "dibayar"),
    # ---- the forecast
    "expected": ("Expected next month", "Perkiraan bulan depan"),
    "value_to": ("{value} ({low} to {high})", "{value} ({low} sampai {high})"),
    "expected_counts": (
        "From {first} to {last}: {purchases} purchases, and {new} new buyers.",
        "Dari {first} sampai {last}: {purchases} pembelian, dan {new} pembeli baru.",
    ),
    "expected_paid": ("They pay {paid}.", "Yang dibayar: {paid}."),
    "no_forecast": (
        "A forecast needs: pip install 'shopfunnel[forecast]'.",
        "Perkiraan memerlukan: pip install 'shopfunnel[forecast]'.",
    ),
    "forecast_few": (
        (
            "There is too little data for a forecast. It needs {least} who had bought again by {day}, so that the same "
            "forecast can be compared with what followed. By now, {people} bought again."
        ),
        (
            "Datanya belum cukup untuk perkiraan. Perlu {least} yang sudah belanja lagi sebelum {day}, supaya "
            "perkiraan yang sama bisa dibandingkan dengan kenyataannya. Sampai sekarang baru {people} belanja lagi."
        ),
    ),
    "past_inside": (
        "The same forecast was made on {count} past days: the purchases were inside its interval {inside} times.",
        "Perkiraan yang sama dibuat untuk {count} masa lalu: pembeliannya {inside} kali masuk dalam selangnya.",
    ),
    "interval_wide": (
        "Do not plan with a number whose interval is this wide: the past does not show it.",
        "Angka yang selangnya selebar ini jangan dipakai untuk rencana: masa lalu tidak menunjukkannya.",
    ),
    "season_untested": ("No season yet: that needs two years of data.", "Tanpa musim: perlu data dua tahun."),
    "season_used": (
        "It follows the season: the same weeks of the year before made the past forecasts better.",
        "Musim diperhitungkan: minggu yang sama tahun lalu membuat perkiraan masa lalu lebih tepat.",
    ),
    "season_unseen": (
        "A season is not part of it: the same weeks of the year before did not make the past forecasts better.",
        "Musim tidak diperhitungkan: minggu yang sama tahun lalu tidak membuat perkiraan masa lalu lebih tepat.",
    ),
    "new_buyers": ("new buyers", "pembeli baru"),
    "value_expected": ("expected", "perkiraan"),
    "from": ("from", "dari"),
    "until": ("to", "sampai"),
    "first_day": ("first day", "hari pertama"),
    "made": ("made", "terjadi"),
    "past_forecasts": ("Purchases of 28 days: expected, and made.", "Pembelian 28 hari: perkiraan, dan yang terjadi."),
    "forecast_meaning": (
        (
            "In brackets: the actual number is inside with a probability of 95 %. A person's purchases on one day are "
            "one purchase. The forecast knows past purchases alone, no prices, campaigns or holidays."
        ),
        (
            "Dalam kurung: angka sebenarnya ada di dalamnya dengan peluang 95 %. Beberapa pembelian satu orang pada "
            "hari yang sama dihitung satu. Perkiraan hanya mengenal pembelian yang lalu, bukan harga, promosi, atau "
            "hari raya."
        ),
    ),
    # ---- people
    "overdue": ("Overdue by their own rhythm", "Terlambat dari kebiasaan belanjanya sendiri"),
    "overdue_sorted": ("Sorted by the amount spent.", "Diurutkan menurut jumlah belanja."),
    "person": ("person", "orang"),
    "order_id": ("order {text}", "pesanan {text}"),
    "order_day": ("order of {text}", "pesanan tanggal {text}"),
    "lead_day": ("lead of {text}", "prospek tanggal {text}"),
    "person_number": ("person {text}", "orang ke-{text}"),
    "named_by_order": (
        (
            "A person whose id may be an e-mail address, a telephone number or a name is named by the latest order. "
            "`--contacts` shows the id."
        ),
        (
            "Orang yang kodenya bisa berupa surel, nomor telepon, atau nama disebut menurut pesanan terakhirnya. "
            "`--contacts` menampilkan kodenya."
        ),
    ),
    "purchases": ("purchases", "pembelian"),
    "interval": ("usual interval", "jarak biasanya"),
    "silent": ("last bought", "terakhir belanja"),
    "ago": ("{span} ago", "{span} lalu"),
    "spent": ("spent", "total belanja"),
    "today": ("People to contact today", "Siapa yang dihubungi hari ini"),
    "today_all": ("Something is due for {people}.", "Ada {people} yang perlu ditindaklanjuti."),
    "today_some": (
        (
            "Something is due for {people}. Today's list has {shown}: what the shop owes first, then some of each "
            "reason, by amount spent."
        ),
        (
            "Ada {people} yang perlu ditindaklanjuti. Daftar hari ini {shown} orang: kewajiban toko lebih dulu, "
            "lalu sebagian dari tiap alasan, menurut jumlah belanja."
        ),
    ),
    "today_action": ("{action}: {shown} of {count}", "{action}: {shown} dari {count}"),
    "why": ("reason", "alasan"),
    "if_nothing": ("if nothing happens", "jika tidak ada perubahan"),
    "becomes": ("{action} from {moment}", "{action} mulai {moment}"),
    "no_change": ("no change", "tetap"),
    "in_page": (
        "The page of `-o report.html` has all of it, with pictures.",
        "Selengkapnya, dengan gambar, ada di halaman `-o report.html`.",
    ),
    "no_plots": (
        "Pictures need the extra plots: pip install 'shopfunnel[plots]'.",
        "Gambar memerlukan paket tambahan: pip install 'shopfunnel[plots]'.",
    ),
    "name": ("name", "nama"),
    "email": ("e-mail", "surel"),
    "phone": ("phone", "telepon"),
    "address": ("address", "alamat"),
}
"""Texts of the page."""

OUTCOMES: Mapping[str, Translated] = {
    "read": ("read", "dibaca"),
    "merged": ("merged", "digabung"),
    "refused": ("refused", "ditolak"),
    "noted": ("noted", "catatan"),
}
"""Outcomes of rows."""

READ_AS = "read as "
"""Beginning of the reason that names the export."""

ACCOUNT: Mapping[str, str] = {
    "rows in the file": "baris dalam berkas",
    "rows in the files": "baris dalam semua berkas",
    "rows kept": "baris dipakai",
    "purchases": "pembelian",
    "of them cancelled": "di antaranya dibatalkan",
    "of them not paid yet": "di antaranya belum dibayar",
    "refunds": "pengembalian dana",
    "credit notes": "nota kredit",
    "leads": "prospek",
    "customers": "pembeli dalam daftar",
    "interactions": "interaksi",
    "records in histories": "catatan dalam riwayat",
    "unresolved records, which refer to a missing record": "catatan yang merujuk ke catatan yang tidak ada",
    "exact copy of an earlier row": "salinan persis dari baris sebelumnya",
    "row of an order that another file has too": "baris pesanan yang juga ada di berkas lain",
    "lead of the same person at the same instant": "prospek dari orang yang sama pada waktu yang sama",
    "event with the id of another event": "peristiwa dengan nomor yang sama",
    "no customer": "tanpa pembeli",
    "no known buyer": "pembeli tidak diketahui",
    "no known person": "orangnya tidak diketahui",
    "no amount": "tanpa jumlah uang",
    "blank row": "baris kosong",
    "sum row": "baris jumlah",
    "order that is not paid yet": "pesanan yang belum dibayar",
    "order whose payment failed": "pesanan yang gagal dibayar",
    "order of charges alone": "pesanan yang hanya berisi biaya",
    "lead without its time": "prospek tanpa waktu",
    "status that the reader does not know; name it in statuses": "status belum dikenal; jelaskan dengan --statuses",
    "row that describes the columns": "baris penjelasan kolom",
    "refund whose order is not in the files": "pengembalian dana yang pesanannya tidak ada",
    "line whose order is not in the files": "baris yang pesanannya tidak ada",
    "copy of a refused row, refused with it": "salinan baris yang ditolak, ikut ditolak",
    "credit without its purchase": "nota kredit tanpa pembeliannya",
    "credit of more than was bought, the rest without its purchase": "nota kredit melebihi pembelian; sisanya tanpa "
    "pembelian",
    "amount rounded to whole minor units, half to even": "jumlah uang yang dibulatkan",
    "charge, not a product: part of what was paid": "biaya, bukan barang; tetap bagian dari pembayaran",
    "row with nothing to pay": "baris tanpa pembayaran",
    "cancelled row of an order, dropped": "baris pesanan yang dibatalkan, tidak dipakai",
    "discount, which reduces the amount of its order": "potongan harga, mengurangi nilai pesanan",
    "order not paid yet but sent, kept as shipped": "pesanan belum dibayar tetapi sudah dikirim, dihitung terkirim",
    "refund without its day, taken off the amount": "pengembalian dana tanpa tanggal, mengurangi nilai pesanan",
    "refund of the whole order without its day, taken as a cancellation": "pengembalian dana penuh tanpa tanggal, "
    "dianggap batal",
    "order whose cancellation or refund the file does not show": "pesanan yang batal atau dananya kembali tanpa "
    "keterangan waktu",
    "return whose refund the export does not have; the order keeps its amount": "retur tanpa data pengembalian dana; "
    "nilai pesanan tetap",
    "line that was cancelled or returned, left out of its order": "baris yang dibatalkan atau diretur, tidak dihitung",
}
"""Indonesian texts of the reasons in the account of a file. A reason without an entry stays in English."""
