"""Endpoints of threads and posts, and of what moderators did with one's own."""

from apps.discussions.api.moderation import AppealEndpoint as AppealEndpoint
from apps.discussions.api.moderation import ModerationActionEndpoint as ModerationActionEndpoint
from apps.discussions.api.moderation import ModerationActionsEndpoint as ModerationActionsEndpoint
from apps.discussions.api.moderation import PostFlagEndpoint as PostFlagEndpoint
from apps.discussions.api.posts import PostAcceptanceEndpoint as PostAcceptanceEndpoint
from apps.discussions.api.posts import PostEndpoint as PostEndpoint
from apps.discussions.api.posts import PostPreviewEndpoint as PostPreviewEndpoint
from apps.discussions.api.posts import PostRevisionsEndpoint as PostRevisionsEndpoint
from apps.discussions.api.posts import PostVoteEndpoint as PostVoteEndpoint
from apps.discussions.api.posts import ThreadPostsEndpoint as ThreadPostsEndpoint
from apps.discussions.api.threads import ThreadEndpoint as ThreadEndpoint
from apps.discussions.api.threads import ThreadFollowEndpoint as ThreadFollowEndpoint
from apps.discussions.api.threads import ThreadsEndpoint as ThreadsEndpoint
from apps.discussions.api.threads import thread_events as thread_events
