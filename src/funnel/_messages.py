"""The words in which answers and reasons are told to a shop owner: one line a thing, English and Indonesian.

A count has three forms, for none, one and more, apart by "|"; a truth has two, for no and yes; a span has one. `{n}` is
the number and `{span}` the span. A form that says nothing is left out of a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

Translated = tuple[str, str]

ANSWERS: Mapping[str, Mapping[str, Translated]] = {
    "NextAction": {
        "repair": ("Put their complaint right", "Selesaikan keluhannya"),
        "answer": ("Answer their question", "Jawab pertanyaannya"),
        "tell_of_delay": ("Tell them of the delay", "Kabari soal keterlambatan"),
        "meet": ("Meet them", "Temui langsung"),
        "close_sale": ("Help them to pay", "Bantu menyelesaikan pembelian"),
        "ask_as_promised": ("Ask them, as was agreed", "Tanyakan lagi, sesuai janji"),
        "ask_feedback": ("Ask how it was", "Tanyakan kesannya"),
        "follow_up": ("Follow up", "Tindak lanjuti"),
        "thank": ("Thank them", "Ucapkan terima kasih"),
        "win_back": ("Win them back", "Ajak kembali"),
        "remind": ("Remind them", "Ingatkan"),
        "offer_next": ("Offer them the next thing", "Tawarkan produk berikutnya"),
        "wait": ("Wait", "Tunggu dulu"),
        "leave_alone": ("Leave them alone", "Jangan dihubungi"),
        "nothing": ("Nothing to do", "Tidak ada yang perlu dilakukan"),
    },
    "Readiness": {
        "ready": ("Ready to buy", "Siap membeli"),
        "warm": ("Warm", "Mulai tertarik"),
        "cold": ("Cold", "Belum tertarik"),
        "not_yet": ("Not yet", "Menunda"),
        "needs_repair_first": ("Repair first, do not sell", "Perbaiki dulu, jangan menjual"),
        "leave_alone": ("Leave them alone", "Jangan dihubungi"),
        "unknown": ("Not enough is known", "Belum cukup diketahui"),
    },
    "Stage": {
        "lead": ("Lead", "Prospek"),
        "prospect": ("Prospect", "Calon pembeli"),
        "customer": ("Customer", "Konsumen"),
        "repeat_customer": ("Repeat customer", "Pelanggan"),
        "lapsed": ("Lapsed", "Lama tidak membeli"),
    },
    "BuyingPhase": {
        "none": ("Not buying", "Tidak sedang membeli"),
        "need": ("Feels a need", "Merasa butuh"),
        "information": ("Looks for information", "Mencari informasi"),
        "evaluation": ("Weighs the offer", "Menimbang pilihan"),
        "decision": ("Decides", "Memutuskan"),
        "after_sale": ("After the sale", "Setelah membeli"),
    },
    "Assurance": {
        "none": ("No assurance is owed", "Tidak perlu jaminan"),
        "photo": ("Show a photo", "Kirim foto barang"),
        "testimonial": ("Show what others say", "Tunjukkan testimoni"),
        "cash_on_delivery": ("Offer cash on delivery", "Tawarkan bayar di tempat"),
        "deposit": ("Take a deposit, the rest on delivery", "Cukup uang muka, sisanya setelah barang sampai"),
        "meeting": ("Meet in person", "Bertemu langsung"),
    },
    "WindowBasis": {
        "ready_signal": ("They said so", "Mereka sendiri yang bilang"),
        "postponement": ("The day they named", "Hari yang mereka sebut"),
        "rhythm": ("Their own rhythm", "Kebiasaan belinya"),
        "unknown": ("Not enough is known", "Belum cukup diketahui"),
    },
}
"""What an answer is called, by the name of its enum."""

REASONS: Mapping[str, Translated] = {
    "no_money": ("no money", "belum ada uang"),
    "school_fees": ("school fees", "biaya sekolah"),
    "instalment": ("an instalment", "masih ada cicilan"),
    "payday": ("payday", "menunggu gajian"),
    "holiday": ("a holiday", "hari raya"),
    "travel": ("travel", "bepergian"),
    "asks_family": ("asking the family", "tanya keluarga dulu"),
    "price": ("the price", "harga"),
    "bought_elsewhere": ("bought elsewhere", "beli di tempat lain"),
    "no_need": ("no need", "belum butuh"),
    "no_trust": ("no trust", "belum percaya"),
    "disappointed": ("disappointed", "kecewa"),
    "moved": ("moved away", "pindah"),
    "other": ("another reason", "alasan lain"),
}
"""What a reason is called that they gave."""

FACTS: Mapping[str, Translated] = {
    "purchase_count": (
        "they have not bought|they have bought once|they have bought {n} times",
        "belum pernah membeli|sudah membeli sekali|sudah membeli {n} kali",
    ),
    "order_count": (
        "|they have ordered once|they have ordered {n} times",
        "|pernah memesan sekali|pernah memesan {n} kali",
    ),
    "inbound_count": (
        "they have done nothing yet|they were in touch once|they were in touch {n} times",
        "belum pernah menghubungi|pernah menghubungi sekali|sudah menghubungi {n} kali",
    ),
    "since_arrival": ("they first came {span} ago", "pertama datang {span} lalu"),
    "since_last_purchase": ("they last bought {span} ago", "terakhir membeli {span} lalu"),
    "purchase_interval": ("they usually buy every {span}", "biasanya membeli setiap {span}"),
    "gap_before_last_purchase": (
        "they had been silent for {span} before that",
        "sebelumnya diam selama {span}",
    ),
    "average_purchase": ("", ""),
    "largest_purchase": ("", ""),
    "last_quote_amount": ("", ""),
    "since_last_inbound": ("they last wrote or came {span} ago", "terakhir menghubungi {span} lalu"),
    "since_last_visit": ("they came or looked {span} ago", "datang atau melihat-lihat {span} lalu"),
    "since_last_question": ("they asked something {span} ago", "bertanya {span} lalu"),
    "since_last_quote": ("they were told a price {span} ago", "diberi harga {span} lalu"),
    "since_last_cart": ("they filled a basket {span} ago", "mengisi keranjang {span} lalu"),
    "since_last_checkout": ("they went to pay {span} ago", "mulai membayar {span} lalu"),
    "since_last_ready_signal": ('they said "I am ready" {span} ago', 'bilang "sudah siap" {span} lalu'),
    "since_last_postponement": ('they said "not yet" {span} ago', 'bilang "nanti dulu" {span} lalu'),
    "postponement_count": (
        '|they said "not yet" once|they said "not yet" {n} times',
        "|menunda sekali|menunda {n} kali",
    ),
    "postponement_reason": ("the reason: {n}", "alasannya: {n}"),
    "until_ready": (
        "the day they named comes in {span}|the day they named came {span} ago",
        "hari yang disebut {span} lagi|hari yang disebut sudah lewat {span}",
    ),
    "until_ready_at_latest": (
        "at the latest in {span}|at the latest it was {span} ago",
        "paling lambat {span} lagi|paling lambat {span} lalu",
    ),
    "open_question_count": (
        "no question of theirs is open|one question of theirs is open|{n} questions of theirs are open",
        "tidak ada pertanyaan yang belum dijawab|satu pertanyaan belum dijawab|{n} pertanyaan belum dijawab",
    ),
    "oldest_open_question": (
        "their oldest open question has waited for {span}",
        "pertanyaan terlamanya sudah menunggu {span}",
    ),
    "newest_open_question": (
        "their newest open question has waited for {span}",
        "pertanyaan terbarunya sudah menunggu {span}",
    ),
    "open_complaint_count": (
        "no complaint of theirs is open|one complaint of theirs is open|{n} complaints of theirs are open",
        "tidak ada keluhan yang terbuka|satu keluhan belum selesai|{n} keluhan belum selesai",
    ),
    "oldest_open_complaint": (
        "their oldest open complaint has waited for {span}",
        "keluhan terlamanya sudah menunggu {span}",
    ),
    "since_last_resolution": (
        "a complaint of theirs was put right {span} ago",
        "keluhannya baru diselesaikan {span} lalu",
    ),
    "since_promise_was_due": (
        "the goods have been due for {span}|the goods are due in {span}",
        "barang terlambat {span}|barang dijanjikan {span} lagi",
    ),
    "open_promise_count": (
        "|goods of theirs are on their way|goods of {n} purchases are on their way",
        "|barangnya sedang dikirim|barang dari {n} pembelian sedang dikirim",
    ),
    "late_delivery_count": (
        "no goods came late|goods came late once|goods came late {n} times",
        "barang tidak pernah terlambat|barang pernah terlambat sekali|barang pernah terlambat {n} kali",
    ),
    "timely_delivery_count": (
        "|goods came in time|goods came in time {n} times",
        "|barang sampai tepat waktu|barang sampai tepat waktu {n} kali",
    ),
    "since_last_delivery": ("the goods came {span} ago", "barang sampai {span} lalu"),
    "since_last_feedback": ("they last said how it was {span} ago", "terakhir memberi kesan {span} lalu"),
    "last_feedback_score": (
        "|their last feedback was 1 of 5|their last feedback was {n} of 5",
        "|kesan terakhirnya 1 dari 5|kesan terakhirnya {n} dari 5",
    ),
    "meeting_count": (
        "you have not met them|you have met them|you have met them {n} times",
        "belum pernah bertemu|sudah pernah bertemu|sudah bertemu {n} kali",
    ),
    "since_last_follow_up": ("you last wrote {span} ago", "terakhir Anda hubungi {span} lalu"),
    "since_second_last_follow_up": ("and before that {span} ago", "dan sebelumnya {span} lalu"),
    "since_third_last_follow_up": ("and before these {span} ago", "dan sebelum itu {span} lalu"),
    "unanswered_follow_up_count": (
        "|one message of yours is unanswered|{n} messages of yours are unanswered",
        "|satu pesan Anda belum dibalas|{n} pesan Anda belum dibalas",
    ),
    "has_opted_out": ("|they asked not to be written to", "|minta tidak dihubungi"),
    "since_last_opt_out": ("they said so {span} ago", "dikatakan {span} lalu"),
    "since_last_decline": ('they said "no" {span} ago', 'bilang "tidak" {span} lalu'),
    "decline_reason": ("the reason: {n}", "alasannya: {n}"),
    "net_spent": ("", ""),
}
"""What is said of a fact; a span that may be to come or over has two forms."""

Explaining = tuple[str | tuple[str, ...], ...]

EXPLAINS: Mapping[str, Mapping[str, Explaining]] = {
    "NextAction": {
        "repair": ("oldest_open_complaint",),
        "answer": (("oldest_open_question", "newest_open_question"),),
        "tell_of_delay": ("since_promise_was_due",),
        "meet": ("since_last_quote", "meeting_count"),
        "close_sale": (("since_last_ready_signal", "since_last_checkout"),),
        "ask_as_promised": ("until_ready", "postponement_reason"),
        "ask_feedback": ("since_last_delivery",),
        "follow_up": (("since_last_cart", "since_last_quote", "since_last_question"),),
        "thank": ("since_last_purchase",),
        "win_back": ("purchase_count", "since_last_purchase"),
        "remind": ("since_last_purchase", "purchase_interval"),
        "offer_next": ("since_last_purchase", "purchase_interval"),
        "wait": ("since_last_follow_up", "unanswered_follow_up_count"),
        "leave_alone": ("has_opted_out", "since_last_decline", "decline_reason"),
        "nothing": (),
    },
    "Readiness": {
        "ready": ("since_last_ready_signal",),
        "warm": (),
        "cold": (),
        "not_yet": ("until_ready", "postponement_reason"),
        "needs_repair_first": ("oldest_open_complaint", "since_promise_was_due"),
        "leave_alone": ("has_opted_out",),
        "unknown": ("inbound_count",),
    },
    "Stage": {
        "lead": ("since_arrival",),
        "prospect": ("inbound_count", "order_count"),
        "customer": ("purchase_count", "since_last_purchase"),
        "repeat_customer": ("purchase_count", "since_last_purchase"),
        "lapsed": ("purchase_count", "since_last_purchase"),
    },
}
"""The facts that explain an answer, of some that its reasons read the latest; of an answer that is not here, all that
they read."""

POINTS: Mapping[str, tuple[str, ...]] = {
    "promise_due_points": ("until_ready",),
    "slip_points": ("postponement_count",),
    "nearly_due_points": ("since_last_purchase", "purchase_interval"),
    "due_points": ("since_last_purchase", "purchase_interval"),
    "likely_lost_points": ("since_last_purchase", "purchase_interval"),
}
"""The facts that explain points, by the number of the policy; of other points, those that their condition reads."""

AHEAD: Mapping[str, tuple[str, ...]] = {"wait": ("until_ready", "postponement_reason")}
"""The facts that explain an answer instead, where the first of them is to come."""

SPANS: Mapping[str, Translated] = {
    "day": ("1 day|{n} days", "1 hari|{n} hari"),
    "hour": ("1 hour|{n} hours", "1 jam|{n} jam"),
    "short": ("less than an hour", "kurang dari satu jam"),
}
"""How a span is said: in days, below two of them in hours."""
