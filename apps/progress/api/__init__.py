"""Endpoints of studying: questions, attempts, cards, reviews, plan and notes."""

from apps.progress.api.attempts import AttemptAnswersEndpoint as AttemptAnswersEndpoint
from apps.progress.api.attempts import AttemptEndpoint as AttemptEndpoint
from apps.progress.api.attempts import AttemptGradeEndpoint as AttemptGradeEndpoint
from apps.progress.api.attempts import AttemptHintsEndpoint as AttemptHintsEndpoint
from apps.progress.api.attempts import AttemptPointsEndpoint as AttemptPointsEndpoint
from apps.progress.api.attempts import AttemptRevealEndpoint as AttemptRevealEndpoint
from apps.progress.api.attempts import AttemptsEndpoint as AttemptsEndpoint
from apps.progress.api.attempts import QuestionAttemptsEndpoint as QuestionAttemptsEndpoint
from apps.progress.api.attempts import QuestionEndpoint as QuestionEndpoint
from apps.progress.api.plans import BookmarkEndpoint as BookmarkEndpoint
from apps.progress.api.plans import BookmarksEndpoint as BookmarksEndpoint
from apps.progress.api.plans import ForecastEndpoint as ForecastEndpoint
from apps.progress.api.plans import NoteEndpoint as NoteEndpoint
from apps.progress.api.plans import PlanEndpoint as PlanEndpoint
from apps.progress.api.plans import StatisticsEndpoint as StatisticsEndpoint
from apps.progress.api.plans import TodayEndpoint as TodayEndpoint
from apps.progress.api.plans import UnreadVerdictEndpoint as UnreadVerdictEndpoint
from apps.progress.api.plans import UnreadVerdictsEndpoint as UnreadVerdictsEndpoint
from apps.progress.api.private_cards import PrivateCardEndpoint as PrivateCardEndpoint
from apps.progress.api.private_cards import PrivateCardsEndpoint as PrivateCardsEndpoint
from apps.progress.api.reviews import CardEndpoint as CardEndpoint
from apps.progress.api.reviews import CardsEndpoint as CardsEndpoint
from apps.progress.api.reviews import ReviewsEndpoint as ReviewsEndpoint
from apps.progress.api.reviews import ReviewSessionEndpoint as ReviewSessionEndpoint
from apps.progress.api.reviews import ReviewSkipEndpoint as ReviewSkipEndpoint
from apps.progress.api.reviews import ReviewUndoEndpoint as ReviewUndoEndpoint
