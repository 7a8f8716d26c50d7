# Written by `make stubs`.
from funnel.forecast._buying_model import BuyingModel as BuyingModel
from funnel.forecast._buying_model import buying_model as buying_model
from funnel.forecast._check import CheckedGroup as CheckedGroup
from funnel.forecast._check import ModelCheck as ModelCheck
from funnel.forecast._check import check_model as check_model
from funnel.forecast._forecast import Estimate as Estimate
from funnel.forecast._forecast import Forecast as Forecast
from funnel.forecast._parameter import Parameter as Parameter
from funnel.forecast._shop import PastForecast as PastForecast
from funnel.forecast._shop import Prediction as Prediction
from funnel.forecast._shop import ShopForecast as ShopForecast
from funnel.forecast._shop import ShopWeek as ShopWeek
from funnel.forecast._shop import shop_forecast as shop_forecast
from funnel.forecast._spending_model import SpendingModel as SpendingModel
from funnel.forecast._spending_model import spending_model as spending_model
from funnel.forecast._value import CustomerValue as CustomerValue
