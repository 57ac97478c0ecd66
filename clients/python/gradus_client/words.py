"""The command's own words, in the user's language: English, or Simplified Chinese."""

from __future__ import annotations

import locale
import os

CHINESE: dict[str, str] = {
    "Sign in to a site, by approving it in the browser": "登录一个网站：在浏览器中允许即可",
    "Revoke the token here and on the site": "在本机和网站上撤销令牌",
    "Whose token it is": "令牌属于谁",
    "What there is to do today": "今天要做什么",
    "What you have studied, and how much you recall": "学了什么，记得多少",
    "Have an archive of all that is yours made, and download it": (
        "让网站制作你的全部数据的归档并下载"
    ),
    "The site makes the archive": "网站正在制作归档",
    "Download": "下载",
    "The site could not make the archive. Try again.": "网站未能制作归档。请重试。",
    "The archive was damaged on its way: {reason}": "归档在传输中损坏：{reason}",
    "To sign in with it: gradus login --scopes {scopes}": (
        "登录时加上此权限：gradus login --scopes {scopes}"
    ),
    "To agree: {options}": "如同意，请加上：{options}",
    "List threads, the latest posts first": "列出讨论，最近有回复的在前",
    "Show a thread with its posts": "显示一个讨论及其帖子",
    "also what may give away an answer": "同时显示可能透露答案的内容",
    "Begin a thread": "发起讨论",
    "Reply in a thread": "在讨论中回复",
    "Vote on a post": "给帖子投票",
    "of the post": "帖子的编号",
    "Accept a post as the answer of your thread": "把一个帖子采纳为你的讨论的答案",
    "take it back": "撤回",
    "Hear of new posts of a thread, or of nothing in it": "接收一个讨论的新帖通知，或完全静音",
    "Show posts of a thread as they come": "实时显示一个讨论的新帖",
    "such as question:SLUG": "例如 question:SLUG",
    "Markdown; without it the input is read": "Markdown；不给出则读取输入",
    "a private run of yours that it cites, and everybody may then see": (
        "正文引用的你的私有运行；之后所有人都能看到"
    ),
    "Write it, and end with Ctrl-D on an empty line:": "请输入正文，在空行按 Ctrl-D 结束：",
    "thread": "讨论",
    "replies": "回复",
    "latest post": "最近发言",
    "accepted": "已采纳",
    "Folded: it may give away an answer. To see it: --unfold": (
        "已折叠：可能透露答案。查看：--unfold"
    ),
    "Posted: {url}": "已发布：{url}",
    "The post has {score}.": "该帖得分 {score}。",
    "Accepted.": "已采纳。",
    "Taken back.": "已撤回。",
    "Changed:": "有改动：",
    "Notices: list, mark as read": "通知：列出、标为已读",
    "List your notices, the latest first": "列出你的通知，最新的在前",
    "those that are unread alone": "只列出未读的",
    "Mark notices as read, by default all": "把通知标为已读，默认全部",
    "notice": "通知",
    "latest": "最近",
    "what happened": "事件",
    "Unread: {count}": "未读：{count}",
    "Waiting until you have approved it …": "正在等待你允许……",
    "This is no token.": "这不是令牌。",
    "Paste the token, then press Enter:": "粘贴令牌，然后按回车：",
    "You are signed in to {url} as {handle}.": "已以 {handle} 登录 {url}。",
    "Open {url} and enter the code:": "打开 {url} 并输入代码：",
    "You are signed out of {url}.": "已退出 {url}。",
    "what": "内容",
    "note": "说明",
    "{reviews} reviews on {days} days; {recalled} of {recalls} recalled.": (
        "{days} 天内复习 {reviews} 次；{recalls} 次回忆中成功 {recalled} 次。"
    ),
    "Written: {path}": "已写入：{path}",
    "Which site? For example: gradus login https://gradus.example, or set {name}.": (
        "哪个网站？例如：gradus login https://gradus.example，或设置 {name}。"
    ),
    "topic": "主题",
    "cards": "卡片",
    "recall": "记忆率",
    "Study, predict and run from the terminal.": "在终端中学习、预测和运行。",
    "commands": "命令",
    "COMMAND": "命令",
    "Interrupted.": "已中断。",
    "There is nobody to ask: the input is at its end.": "无人可问：输入已结束。",
    "Sign in with: gradus login": "登录：gradus login",
    "To see it without predicting: gradus runs open ID": ("不预测而直接查看：gradus runs open ID"),
    "There is nothing here.": "这里没有内容。",
    "“{text}” is no whole number": "“{text}”不是整数",
    "List labs": "列出实验",
    "Show a lab, and what may be set": "显示一个实验及可用设置",
    "Predict, and queue a run": "预测并提交运行",
    "List your runs, the newest first": "列出你的运行，最新的在前",
    "Show runs of one lab beside each other": "并排显示同一实验的多次运行",
    "Write all points of a run to files": "把一次运行的全部数据点写入文件",
    "What do you predict?": "你的预测是？",
    "{title}: where does it end, from {low} to {high}?": (
        "{title}：最终值是多少（{low} 到 {high}）？"
    ),
    "The verdict is folded: you have not predicted it. To see it: {command}": (
        "结论已折叠：你没有预测过。查看：{command}"
    ),
    "your prediction; without it you are asked": "你的预测；不给出则会询问",
    "how sure, in %%": "把握程度，单位 %%",
    "the verdict stays folded, and no prediction counts": "结论保持折叠，不计预测",
    "Show a run and its verdicts": "显示一次运行及其结论",
    "Follow a run to its end": "跟踪一次运行直到结束",
    "Stop a run": "停止一次运行",
    "See a verdict without having predicted it": "不预测而查看结论",
    "lab": "实验",
    "takes": "耗时",
    "title": "标题",
    "Say what you predict: --outcome with holds, depends or does_not_hold.": (
        "请给出预测：--outcome 加 holds、depends 或 does_not_hold。"
    ),
    "Predict first: --outcome and --confidence, or run it with --no-prediction.": (
        "请先预测：--outcome 和 --confidence，或使用 --no-prediction。"
    ),
    "run": "运行",
    "state": "状态",
    "queued": "提交时间",
    "settings": "设置",
    "Which format? --csv, --npz, --parquet, or several of them.": (
        "哪种格式？--csv、--npz、--parquet，可同时使用多个。"
    ),
    "setting": "设置",
    "default": "默认",
    "allowed": "允许",
    "You predicted: {outcome}, {confidence}% sure.": ("你的预测：{outcome}，把握 {confidence}%。"),
    "verdict": "结论",
    "How sure are you?": "你有多大把握？",
    "{option} takes NAME=VALUE, not “{text}”.": ("{option} 的格式为 NAME=VALUE，而不是“{text}”。"),
    "Right.": "正确。",
    "Not right.": "不正确。",
    "by default <ID>.{kind}": "默认 <ID>.{kind}",
    "Queued: {id}": "已提交：{id}",
    "Say how sure you are: --confidence with one of {values}.": (
        "请给出把握程度：--confidence 取 {values} 之一。"
    ),
    "{count} before it": "前面还有 {count} 个",
    "Taken back: your rating of {question}.": "已撤回：你对 {question} 的评分。",
    "List questions": "列出题目",
    "Show a question": "显示一道题目",
    "Answer a question, part by part or in one go": "回答一道题目，逐部分或一次完成",
    "List your cards, the most overdue first": "列出你的卡片，逾期最久的在前",
    "Review what is due": "复习到期的内容",
    "Take back your last rating": "撤回上一次评分",
    "List claims, and what runs say of them": "列出论断，以及运行给出的结论",
    "question": "题目",
    "Kept.": "已保存。",
    "Again": "重来",
    "Hard": "困难",
    "Good": "良好",
    "Easy": "简单",
    "1 Again · 2 Hard · 3 Good · 4 Easy?": "1 重来 · 2 困难 · 3 良好 · 4 简单？",
    "the answer; without it you are asked": "答案；不给出则会询问",
    "open the next hint": "打开下一条提示",
    "open the reference answer": "打开参考答案",
    "Again, Hard, Good, Easy": "重来、困难、良好、简单",
    "due": "到期",
    "claim": "论断",
    "what it says": "内容",
    "Reference answer": "参考答案",
    "Rated {rating}.": "评分：{rating}。",
    "({name}) Your answer:": "({name}) 你的答案：",
    "Nothing is due. To learn something new: gradus review --new 3": (
        "没有到期的内容。学习新题：gradus review --new 3"
    ),
    "Enter: show it · s: skip · u: undo the last · q: stop?": (
        "回车：显示 · s：跳过 · u：撤回上一次 · q：停止？"
    ),
    "A good answer covers:": "好的答案包括：",
    "Enter: reference answer · h: hint?": "回车：参考答案 · h：提示？",
    "({name}) This step:": "({name}) 这一步：",
    "Card {number} of {count}": "第 {number} 张，共 {count} 张",
    "Done: {recalled} of {count} recalled.": "完成：{count} 张中记住 {recalled} 张。",
    "Next: {day}.": "下次：{day}。",
    "Your answer (Enter to leave it empty):": "你的答案（按回车留空）：",
    "({name}) Keys of what you choose:": "({name}) 你选择的选项：",
    "({name}) Keys in their order:": "({name}) 按顺序的选项：",
    "Hint: {hint}": "提示：{hint}",
    "Answer: {answer}": "答案：{answer}",
    "This needs {package}, which is not installed: pip install 'gradus-client[{extra}]'": (
        "需要 {package}，但尚未安装：pip install 'gradus-client[{extra}]'"
    ),
    "“{url}” is no address of a site, such as https://gradus.example": (
        "“{url}”不是网站地址，例如 https://gradus.example"
    ),
    "An address must not contain a password.": "地址中不得包含密码。",
    "{url} is not https: whoever is on the way could read your token. Use https, or "
    "allow http explicitly if you trust the whole way.": (
        "{url} 不是 https：途中的任何人都可能读到你的令牌。请使用 https；如果信任整条线路"
        "，可明确允许 http。"
    ),
    "“{name}” is no id.": "“{name}”不是 ID。",
    "{url} cannot be reached: {reason}": "无法连接 {url}：{reason}",
    "{url} leads elsewhere, to {target}. Use the address of the site itself, with "
    "https if it has that.": (
        "{url} 会转到 {target}。请使用网站本身的地址；如有 https，请用 https。"
    ),
    "{url} is not answering just now.": "{url} 暂时没有响应。",
    "{url} answered {status}, and not as Gradus does. Is this the address of a Gradus site?": (
        "{url} 返回了 {status}，但不是 Gradus 的响应。这是 Gradus 网站的地址吗？"
    ),
    "The site's answer is not what this client expects ({reason}). Update gradus-client.": (
        "网站的响应与此客户端不符（{reason}）。请更新 gradus-client。"
    ),
    "{url} is not answering any more.": "{url} 不再响应。",
    "You are not signed in. Begin with: gradus login https://…": (
        "你尚未登录。请先运行：gradus login https://…"
    ),
    "You are not signed in to {url}. Try: gradus login {url}": (
        "你尚未登录 {url}。请运行：gradus login {url}"
    ),
    "{path} cannot be read: {reason}": "无法读取 {path}：{reason}",
    "{path} cannot be written: {reason}": "无法写入 {path}：{reason}",
    "{path}: the name of the file ends in {kinds}": "{path}：文件名应以 {kinds} 结尾",
    "Threads: list, show, start, reply, vote, follow, watch": (
        "讨论：列出、显示、发起、回复、投票、关注、跟踪"
    ),
    "Runs: submit, list, show, watch, compare, fetch": "运行：提交、列出、显示、跟踪、对比、下载",
    "the site to use; by default the last one": "使用哪个网站；默认为上次的网站",
    "language of the site's texts: en or zh-hans": "网站文本的语言：en 或 zh-hans",
    "address of the site, such as https://gradus.example": "网站地址，例如 https://gradus.example",
    "read a token from standard input instead": "改为从标准输入读取令牌",
    "do not open a browser": "不打开浏览器",
    "allow http, where others on the network can read the token": (
        "允许 http（同一网络中的他人可能读到令牌）"
    ),
    "what the program may do, separated by commas; by default read,study,run,post; "
    "account is for export": (
        "程序可以做什么，用逗号分隔；默认 read,study,run,post；导出另需 account"
    ),
    "print JSON": "以 JSON 输出",
    "show at most this many; by default 25": "最多显示多少条；默认 25",
    "show those that contain these words": "只显示包含这些词的",
    "idempotency key: the same key queues one run only": "幂等键：相同的键只提交一次运行",
    "follow the run to its end": "一直跟踪到运行结束",
    "change a setting; the others keep their defaults": "修改一项设置；其余为默认值",
    "the value at which you expect a curve to end": "你预计曲线的最终值",
    "add up to this many new questions": "另加最多这么多道新题",
    "topic of the new questions": "新题的主题",
    "only those due today": "只列出今天到期的",
    "which part: 1, 4.2, written; by default 1": "哪一部分：1、4.2、written；默认 1",
    "If you trust the network: --allow-http": "如果信任该网络：--allow-http",
    "show this help": "显示此帮助",
    "show the version": "显示版本",
    "options": "选项",
    "arguments": "参数",
    "how often the lab repeats each setting": "每种设置重复多少次",
    "There is no “{name}” here, or it is not shared with you.": (
        "这里没有“{name}”，或者对方没有与你分享。"
    ),
    "There is no option “{key}”. The options: {keys}.": "没有选项“{key}”。可选：{keys}。",
    "There is no folder {folder}.": "没有文件夹 {folder}。",
    "Confidence is one of {values}, in %.": "把握程度取 {values} 之一，单位 %。",
    "Queued.": "排队中。",
    "Running.": "运行中。",
    "Finished.": "已完成。",
    "Failed.": "失败。",
    "Stopped.": "已停止。",
    "Stopped: it reached a limit.": "已停止：达到上限。",
    "Lost: its worker is gone.": "已丢失：执行它的 worker 已不在。",
    "Several runs of yours begin with “{name}”. Write more of the id.": (
        "你有多次运行的 ID 以“{name}”开头。请多写几位。"
    ),
    "No run of yours begins with “{name}”.": "你没有 ID 以“{name}”开头的运行。",
    "Not counted: you had opened the verdict before.": "不计入：你此前已打开过结论。",
    "Not counted: you had predicted these settings before.": "不计入：你此前已预测过这些设置。",
    "Not counted: you had run these settings before.": "不计入：你此前已运行过这些设置。",
}
_language = "en"


def choose_language(asked: str) -> None:
    """Speak a language, by default that of the environment."""
    global _language
    tag = asked
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        tag = tag or os.environ.get(name, "")
    tag = tag or (locale.getlocale()[0] or "")
    _language = "zh" if tag.lower().startswith(("zh", "chinese")) else "en"


def tr(words: str) -> str:
    """Return words in the user's language."""
    return CHINESE.get(words, words) if _language == "zh" else words
