# Written by `make stubs`.
from funnel.readers._read_orders import AmountStyle as AmountStyle
from funnel.readers._read_orders import Columns as Columns
from funnel.readers._read_orders import Entry as Entry
from funnel.readers._read_orders import OrderMapping as OrderMapping
from funnel.readers._read_orders import What as What
from funnel.readers._read_orders import read_orders as read_orders
from funnel.readers._reader import ReadArguments as ReadArguments
from funnel.readers._reader import Reader as Reader
from funnel.readers._shop_data import ShopData as ShopData
