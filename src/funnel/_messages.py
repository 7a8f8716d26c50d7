"""Texts of answers and reasons for shop staff: one entry for each, in English and Indonesian.

A count has three forms, separated by "|": for none, for one and for more. A truth has two, for no and yes. A span has
one, or two if it can be in the future or in the past. `{n}` is the number and `{span}` the span. An empty form is left
out of a sentence.
"""

from collections.abc import Mapping

Translated = tuple[str, str]

ANSWERS: Mapping[str, Mapping[str, Translated]] = {
    "NextAction": {
        "repair": ("Resolve the complaint", "Selesaikan keluhannya"),
        "answer": ("Answer the question", "Jawab pertanyaannya"),
        "tell_of_delay": ("Let them know about the delay", "Kabari bahwa kiriman terlambat"),
        "meet": ("Meet in person", "Temui langsung"),
        "close_sale": ("Help them complete the payment", "Bantu selesaikan pembayaran"),
        "ask_as_promised": ("Ask again, as agreed", "Tanyakan lagi sesuai janji"),
        "ask_feedback": ("Ask for feedback", "Minta ulasan"),
        "follow_up": ("Follow up", "Tindak lanjuti"),
        "thank": ("Say thank you", "Ucapkan terima kasih"),
        "win_back": ("Invite them back", "Ajak belanja lagi"),
        "remind": ("Send a reminder", "Kirim pengingat"),
        "offer_next": ("Offer the next product", "Tawarkan produk berikutnya"),
        "wait": ("Wait", "Tunggu dulu"),
        "leave_alone": ("Do not contact", "Jangan dihubungi"),
        "nothing": ("Nothing to do", "Tidak ada yang perlu dilakukan"),
    },
    "Readiness": {
        "ready": ("Ready to buy", "Siap membeli"),
        "warm": ("Warm", "Mulai tertarik"),
        "cold": ("Cold", "Belum tertarik"),
        "not_yet": ("Not yet", "Belum sekarang"),
        "needs_repair_first": ("Solve the problem first, do not sell", "Selesaikan masalahnya dulu, jangan jualan"),
        "leave_alone": ("Do not contact", "Jangan dihubungi"),
        "unknown": ("Not enough information", "Informasi belum cukup"),
    },
    "Stage": {
        "lead": ("Lead", "Prospek"),
        "prospect": ("Prospect", "Calon pembeli"),
        "customer": ("Customer", "Konsumen"),
        "repeat_customer": ("Repeat customer", "Pelanggan"),
        "lapsed": ("Lapsed", "Lama tidak belanja"),
    },
    "BuyingPhase": {
        "none": ("Not buying", "Sedang tidak belanja"),
        "need": ("Has a need", "Mulai butuh"),
        "information": ("Looking for information", "Mencari informasi"),
        "evaluation": ("Comparing offers", "Membandingkan pilihan"),
        "decision": ("Deciding", "Mau memutuskan"),
        "after_sale": ("After the sale", "Setelah pembelian"),
    },
    "Assurance": {
        "none": ("No assurance needed", "Tidak perlu jaminan"),
        "photo": ("Send a photo of the product", "Kirim foto barang"),
        "testimonial": ("Show a review by another customer", "Tunjukkan testimoni pembeli lain"),
        "cash_on_delivery": ("Offer cash on delivery", "Tawarkan bayar di tempat (COD)"),
        "deposit": ("Ask for a deposit, the rest on delivery", "Minta uang muka (DP), sisanya saat barang sampai"),
        "meeting": ("Meet in person", "Temui langsung"),
    },
    "WindowBasis": {
        "ready_signal": ("They said that they are ready", "Bilang sudah siap"),
        "postponement": ("The day they named", "Hari yang disebutkan"),
        "rhythm": ("Their usual interval", "Kebiasaan belanjanya"),
        "unknown": ("Not enough information", "Informasi belum cukup"),
    },
}
"""Label of each answer, by the name of its enum."""

REASONS: Mapping[str, Translated] = {
    "no_money": ("no money yet", "belum ada uang"),
    "school_fees": ("school fees", "biaya sekolah"),
    "instalment": ("an instalment to pay", "masih ada cicilan"),
    "payday": ("waiting for payday", "menunggu gajian"),
    "holiday": ("waiting for the holiday", "menunggu hari raya"),
    "travel": ("travelling", "sedang bepergian"),
    "asks_family": ("asking the family first", "tanya keluarga dulu"),
    "price": ("the price", "soal harga"),
    "bought_elsewhere": ("bought elsewhere", "sudah beli di tempat lain"),
    "no_need": ("no need", "belum butuh"),
    "no_trust": ("no trust yet", "belum percaya"),
    "disappointed": ("disappointed", "kecewa"),
    "moved": ("moved away", "sudah pindah"),
    "other": ("another reason", "lainnya"),
}
"""Label of each reason for a postponement or a decline."""

FACTS: Mapping[str, Translated] = {
    "purchase_count": (
        "they have not bought|they have bought once|they have bought {n} times",
        "belum pernah belanja|sudah belanja sekali|sudah belanja {n} kali",
    ),
    "occasion_count": (
        "they have not bought|they have bought once|they have bought {n} times",
        "belum pernah belanja|sudah belanja sekali|sudah belanja {n} kali",
    ),
    "order_count": (
        "|they have ordered once|they have ordered {n} times",
        "|pernah memesan sekali|sudah memesan {n} kali",
    ),
    "inbound_count": (
        "they have not been in touch|they have been in touch once|they have been in touch {n} times",
        "belum pernah menghubungi|pernah menghubungi sekali|sudah menghubungi {n} kali",
    ),
    "since_arrival": ("they first came {span} ago", "pertama kali datang {span} lalu"),
    "since_last_purchase": ("they last bought {span} ago", "terakhir belanja {span} lalu"),
    "purchase_interval": ("they usually buy every {span}", "biasanya belanja setiap {span}"),
    "gap_before_last_purchase": (
        "they had been silent for {span} before that",
        "sebelumnya tidak ada kabar selama {span}",
    ),
    "average_purchase": ("", ""),
    "largest_purchase": ("", ""),
    "last_quote_amount": ("", ""),
    "since_last_inbound": ("they were last in touch {span} ago", "terakhir menghubungi {span} lalu"),
    "since_last_visit": ("they last looked around {span} ago", "terakhir melihat-lihat {span} lalu"),
    "since_last_question": ("they asked a question {span} ago", "bertanya {span} lalu"),
    "since_last_quote": ("they got a price {span} ago", "diberi harga {span} lalu"),
    "since_last_cart": ("they filled the cart {span} ago", "mengisi keranjang {span} lalu"),
    "since_last_checkout": ("they started to pay {span} ago", "mulai checkout {span} lalu"),
    "since_last_ready_signal": ('they said "I am ready" {span} ago', 'bilang "sudah siap" {span} lalu'),
    "since_last_postponement": ('they said "not yet" {span} ago', 'bilang "nanti dulu" {span} lalu'),
    "postponement_count": (
        '|they said "not yet" once|they said "not yet" {n} times',
        "|pernah menunda sekali|sudah menunda {n} kali",
    ),
    "postponement_reason": ("reason: {n}", "alasan: {n}"),
    "until_ready": (
        "the day they named is in {span}|the day they named was {span} ago",
        "hari yang disebutkan {span} lagi|hari yang disebutkan sudah lewat {span}",
    ),
    "until_ready_at_latest": (
        "at the latest in {span}|at the latest it was {span} ago",
        "paling lambat {span} lagi|paling lambat {span} lalu",
    ),
    "open_question_count": (
        "no question is open|one question is open|{n} questions are open",
        "semua pertanyaan sudah dijawab|satu pertanyaan belum dijawab|{n} pertanyaan belum dijawab",
    ),
    "oldest_open_question": (
        "the oldest open question has waited for {span}",
        "pertanyaan paling lama sudah menunggu {span}",
    ),
    "newest_open_question": (
        "the newest open question has waited for {span}",
        "pertanyaan terbaru sudah menunggu {span}",
    ),
    "open_complaint_count": (
        "no complaint is open|one complaint is open|{n} complaints are open",
        "tidak ada keluhan|satu keluhan belum selesai|{n} keluhan belum selesai",
    ),
    "oldest_open_complaint": (
        "the oldest open complaint has waited for {span}",
        "keluhan paling lama sudah menunggu {span}",
    ),
    "since_last_resolution": ("a complaint was resolved {span} ago", "keluhannya selesai {span} lalu"),
    "since_promise_was_due": (
        "the delivery is {span} late|the delivery is due in {span}",
        "kiriman terlambat {span}|kiriman dijanjikan sampai {span} lagi",
    ),
    "open_promise_count": (
        "|the goods are on the way|the goods of {n} purchases are on the way",
        "|barangnya sedang dikirim|barang dari {n} pembelian sedang dikirim",
    ),
    "late_delivery_count": (
        "no delivery was late|one delivery was late|{n} deliveries were late",
        "kiriman tidak pernah terlambat|kiriman pernah terlambat sekali|kiriman pernah terlambat {n} kali",
    ),
    "timely_delivery_count": (
        "|one delivery was on time|{n} deliveries were on time",
        "|kiriman pernah sampai tepat waktu|kiriman {n} kali sampai tepat waktu",
    ),
    "since_last_delivery": ("the goods arrived {span} ago", "barang sampai {span} lalu"),
    "since_last_feedback": ("they last gave feedback {span} ago", "terakhir memberi ulasan {span} lalu"),
    "last_feedback_score": (
        "|the last feedback was 1 of 5|the last feedback was {n} of 5",
        "|ulasan terakhirnya 1 dari 5|ulasan terakhirnya {n} dari 5",
    ),
    "meeting_count": (
        "you have not met them|you have met them once|you have met them {n} times",
        "belum pernah bertemu|pernah bertemu sekali|sudah bertemu {n} kali",
    ),
    "since_last_follow_up": ("you last wrote {span} ago", "terakhir Anda hubungi {span} lalu"),
    "since_second_last_follow_up": ("before that {span} ago", "sebelumnya {span} lalu"),
    "since_third_last_follow_up": ("and before that {span} ago", "dan sebelum itu {span} lalu"),
    "unanswered_follow_up_count": (
        "|one of your messages is unanswered|{n} of your messages are unanswered",
        "|satu pesan Anda belum dibalas|{n} pesan Anda belum dibalas",
    ),
    "has_opted_out": ("|they asked not to be contacted", "|minta tidak dihubungi"),
    "since_last_opt_out": ("they opted out {span} ago", "minta berhenti dihubungi {span} lalu"),
    "since_last_decline": ('they said "no" {span} ago', 'bilang "tidak" {span} lalu'),
    "decline_reason": ("reason: {n}", "alasan: {n}"),
    "net_spent": ("", ""),
}
"""Text for the value of each fact."""

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
        "customer": ("occasion_count", "since_last_purchase"),
        "repeat_customer": ("occasion_count", "since_last_purchase"),
        "lapsed": ("purchase_count", "since_last_purchase"),
    },
}
"""Facts that explain an answer. If a tuple has several facts, the most recent one that the reasons read is used. An
answer without an entry is explained by all facts that its reasons read."""

POINTS: Mapping[str, tuple[str, ...]] = {
    "promise_due_points": ("until_ready",),
    "slip_points": ("postponement_count",),
    "wait_points": ("purchase_count", "since_last_purchase"),
    "nearly_due_points": ("since_last_purchase", "purchase_interval"),
    "due_points": ("since_last_purchase", "purchase_interval"),
    "likely_lost_points": ("since_last_purchase", "purchase_interval"),
}
"""Facts that explain points, by policy field. Other points are explained by the facts that their condition reads."""

EXPLAINS_FUTURE: Mapping[str, tuple[str, ...]] = {"wait": ("until_ready", "postponement_reason")}
"""Facts that explain an answer instead if the first fact is in the future."""

SPANS: Mapping[str, Translated] = {
    "day": ("1 day|{n} days", "1 hari|{n} hari"),
    "hour": ("1 hour|{n} hours", "1 jam|{n} jam"),
    "short": ("less than an hour", "kurang dari satu jam"),
}
"""Text of a span: in days, or in hours below two days."""
