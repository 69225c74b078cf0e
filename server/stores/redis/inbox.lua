-- Everything where several keys must change at once. The keys are described in docs/redis.md.
--
-- KEYS[1]  prefix of all names
-- ARGV[1]  which action
-- ARGV[2]  its arguments as JSON; times are strings, so that they keep all their digits
-- Returns JSON, or nothing. {"lost": true} means that the claim is not held any more.

local prefix = KEYS[1]
local call = redis.call

local function key(...)
    return prefix .. ":" .. table.concat({ ... }, ":")
end

local INBOX, GROUP = key("inbox"), "workers"
local WAITING, DEAD = key("waiting"), key("dead")
local SESSIONS, ACTIVE = key("sessions"), key("active")
local ANSWERED_BY = key("answered_by")
local RECEIVED, REPLIED = key("received"), key("replied")
local WORKERS, REPORTED, COUNTED = key("workers"), key("worker_counts"), key("counted")
local ASKED, ANSWERED, ORDER = key("questions", "count"), key("questions", "last"), key("questions", "order")
local BORN = key("questions", "born")
local COUNTERS, LATENCIES, OUTCOMES = key("counters"), key("latencies"), key("outcomes")

local function session_of(user) return key("session", user) end
local function queue_of(user) return key("queue", user) end
local function said_of(user) return key("said", user) end
local function message_of(id) return key("message", id) end
local function seen_of(user, external) return key("seen", #user, user, external) end

local function askers_of(user) return key("askers", user) end

local function number(name)
    return string.format("%.0f", call("HINCRBY", COUNTERS, name, 1))
end

local function fields_of(name)
    local flat, fields = call("HGETALL", name), {}
    for at = 1, #flat, 2 do fields[flat[at]] = flat[at + 1] end
    return fields
end

local function remember(user, retention)
    call("EXPIRE", session_of(user), retention)
    call("EXPIRE", said_of(user), retention)
end

-- A ticket in the stream is the right to work on its session: there is at most one a session.
local function issue_ticket(user)
    call("HSET", session_of(user), "ticket", call("XADD", INBOX, "*", "user", user))
end

local function discard(ticket)
    call("XACK", INBOX, GROUP, ticket)
    call("XDEL", INBOX, ticket)
end

local function retire_ticket(user)
    local ticket = call("HGET", session_of(user), "ticket")
    if ticket then discard(ticket) end
    call("HDEL", session_of(user), "ticket", "fence", "worker")
end

local function holds(claim)
    return call("HGET", session_of(claim.user), "fence") == claim.fence
end

local function state_without_worker(id)
    if call("HEXISTS", message_of(id), "reply") == 1 then return "answered" end
    return "accepted"
end

-- A dead message waits again, in the place that its id gives it.
local function try_again(id, now, retention, token)
    local user = call("HGET", message_of(id), "user_id")
    call("HSET", message_of(id), "state", state_without_worker(id), "waiting_since", now, "updated_at", now,
        "attempts", 0)
    if token then call("HSET", message_of(id), "token", token) end
    call("HDEL", message_of(id), "reason")
    call("PERSIST", message_of(id))
    call("ZREM", DEAD, id)
    call("ZADD", WAITING, now, id)
    call("ZADD", queue_of(user), id, id)
    call("HSET", session_of(user), "last_activity", now)
    call("ZADD", SESSIONS, now, user)
    remember(user, retention)
    if call("HEXISTS", session_of(user), "ticket") == 0 then issue_ticket(user) end
end

local function touch_session(a)
    local session = session_of(a.user)
    local known = call("HMGET", session, "last_activity", "ended")
    if not known[1] then
        call("HSET", session, "user_id", a.user, "created_at", a.now)
    end
    if not known[1] or known[2] == "1" or tonumber(known[1]) < tonumber(a.idle_since) then
        call("HSET", session, "conversation_since", a.now)
        call("HDEL", session, "summary", "summarised")
    end
    call("HSET", session, "session_id", a.session, "last_activity", a.now, "ended", "0")
    call("HINCRBY", session, "messages_count", 1)
    if a.name then call("HSET", session, "client_name", a.name) end
    if a.phone then call("HSET", session, "phone_number", a.phone) end
    call("ZADD", SESSIONS, a.now, a.user)
    call("ZADD", ACTIVE, a.now, a.user)
end

local function history_of(user, before, since, limit)
    local summarised = tonumber(call("HGET", session_of(user), "summarised") or 0)
    local exchanges, ids = {}, call("LRANGE", said_of(user), -50 - limit, -1)
    for at = #ids, 1, -1 do
        if #exchanges == limit then break end
        if tonumber(ids[at]) <= summarised then break end
        if tonumber(ids[at]) < tonumber(before) then
            local said = call("HMGET", message_of(ids[at]), "state", "accepted_at", "text", "reply", "updated_at")
            local heard = said[1] == "sent"
            if said[1] == "failed" and said[4] then heard = (tonumber(cjson.decode(said[4]).sent) or 0) > 0 end
            if heard and tonumber(said[2]) >= tonumber(since) then
                table.insert(exchanges, 1,
                    { id = ids[at], state = said[1], text = said[3], reply = said[4] or nil, ended_at = said[5] })
            end
        end
    end
    return exchanges
end

local function forget_message(user, id)
    local known = call("HMGET", message_of(id), "external_id", "phone")
    if known[1] then call("DEL", seen_of(user, known[1])) end
    if known[2] and call("ZSCORE", key("phone", known[2]), user) == id then
        call("ZREM", key("phone", known[2]), user) -- no later message of this caller came from there
    end
    call("DEL", message_of(id))
    call("ZREM", DEAD, id)
    call("ZREM", WAITING, id)
    call("ZREM", queue_of(user), id)
end

-- The oldest that does not wait: one that failed long ago may have been told to try again.
local function forget_oldest(user)
    for at = 0, call("LLEN", said_of(user)) - 1 do
        local id = call("LINDEX", said_of(user), at)
        if not call("ZSCORE", WAITING, id) then
            call("LREM", said_of(user), 1, id)
            return forget_message(user, id)
        end
    end
end

-- The oldest that waits. One whose fields are lost is no message any more, and would keep all behind it.
local function next_of(user)
    for _, id in ipairs(call("ZRANGE", queue_of(user), 0, -1)) do
        if call("HEXISTS", message_of(id), "user_id") == 1 then return id end
        forget_message(user, id)
    end
end

local function publish(id, state, finish, reason)
    call("PUBLISH", OUTCOMES, cjson.encode({ id = id, state = state, finish = finish, reason = reason }))
end

-- Each quota is its key, how often it may be spent, and its window in milliseconds. Nothing is counted if one is spent.
local function spend(quotas)
    for at, quota in ipairs(quotas) do
        local name = key("quota", quota[1])
        if tonumber(call("GET", name) or 0) >= quota[2] then return { spent = at, left = call("PTTL", name) } end
    end
    for _, quota in ipairs(quotas) do
        local name = key("quota", quota[1])
        if call("INCR", name) == 1 then call("PEXPIRE", name, quota[3]) end
    end
end

local function forget_question(text)
    for _, name in ipairs({ ASKED, ANSWERED, BORN }) do call("HDEL", name, text) end
    call("ZREM", ORDER, text)
end

-- A question that was forgotten and is asked anew is another one: nobody's who asked the old one. Those that were there
-- before this was told are 0.
local function born(text) return call("HGET", BORN, text) or "0" end

-- What a caller has asked leaves with him; what others have asked too stays, counted without him.
local function forget_asker(user)
    for asked, count in pairs(fields_of(askers_of(user))) do
        local when, text = string.match(asked, "^(%d+)\t(.*)$")
        text = text or asked
        local there = call("HEXISTS", ASKED, text) == 1 and born(text) == (when or "0")
        if there and call("HINCRBY", ASKED, text, -count) <= 0 then forget_question(text) end
    end
    call("DEL", askers_of(user))
end

-- For how many milliseconds the oldest ticket has been there that no worker has taken.
local function waited()
    if call("EXISTS", INBOX) == 0 then return 0 end
    for _, group in ipairs(call("XINFO", "GROUPS", INBOX)) do
        local delivered
        for at = 1, #group, 2 do
            if group[at] == "last-delivered-id" then delivered = group[at + 1] end
        end
        local first = call("XRANGE", INBOX, "(" .. delivered, "+", "COUNT", 1)[1]
        if first then
            local time = call("TIME")
            return time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(string.match(first[1], "^%d+"))
        end
    end
    return 0
end

local actions = {}

-- A counter that only grows, and a name that is given once: either tells whether Redis still has what it had.
function actions.check(a)
    call("HSETNX", COUNTERS, "epoch", a.epoch)
    return {
        epoch = call("HGET", COUNTERS, "epoch"),
        checks = call("HINCRBY", COUNTERS, "checks", 1),
        waiting = call("ZCARD", WAITING),
        waited = waited(),
    }
end

function actions.accept(a)
    -- The client repeats a command whose answer it has not seen: `delivery` is the same then.
    local seen = a.external and seen_of(a.user, a.external) or key("delivery", a.delivery)
    local first = call("GET", seen)
    if first and not a.external then return { id = first, duplicate = false } end
    if first and call("EXISTS", message_of(first)) == 1 then
        if call("HGET", message_of(first), "state") == "failed" then try_again(first, a.now, a.retention, a.token) end
        return { id = first, duplicate = true }
    end
    local waiting = call("ZCARD", WAITING)
    if waiting >= a.limit then return { full = waiting, setting = "limits.inbox" } end
    if waiting >= a.crowd then
        local oldest = waited()
        if oldest > a.wait then return { waiting = waiting, waited = oldest } end
    end
    local own = call("ZCARD", queue_of(a.user))
    if own >= a.per_session then return { full = own, setting = "limits.inbox_per_session" } end
    local spent = spend(a.quotas)
    if spent then return spent end
    touch_session(a)
    local id = number("id")
    call("HSET", message_of(id), "id", id, "state", "accepted", "accepted_at", a.now, "waiting_since", a.now,
        "updated_at", a.now, "attempts", 0, unpack(a.fields))
    call("SET", seen, id, "EX", a.dedupe)
    call("ZADD", queue_of(a.user), id, id)
    call("RPUSH", said_of(a.user), id)
    if call("LLEN", said_of(a.user)) > 1000 then forget_oldest(a.user) end
    call("ZADD", WAITING, a.now, id)
    call("HINCRBY", RECEIVED, string.format("%.0f", math.floor(tonumber(a.now) / 3600)), 1)
    call("HSET", COUNTERS, "last_received", a.now)
    remember(a.user, a.retention)
    if call("HEXISTS", session_of(a.user), "ticket") == 0 then issue_ticket(a.user) end
    return { id = id, duplicate = false }
end

-- Whether the stream counts the ticket as this worker's. Others may have taken it over since he has read it.
local function is_ticket_of(worker, ticket)
    local pending = call("XPENDING", INBOX, GROUP, ticket, ticket, 1)[1]
    return pending ~= nil and pending[2] == worker
end

-- What a ticket that the stream gave us is worth: a claim, or nothing if it is another worker's by now, or not its
-- session's own any more.
function actions.redeem(a)
    local session = session_of(a.user)
    if call("HGET", session, "ticket") ~= a.ticket then
        discard(a.ticket)
        return nil
    end
    if not is_ticket_of(a.worker, a.ticket) then return nil end
    local id = next_of(a.user)
    if not id then
        retire_ticket(a.user)
        return nil
    end
    local fence = number("fence")
    call("HSET", session, "fence", fence, "worker", a.worker)
    local state = state_without_worker(id)
    call("HSET", message_of(id), "state", state == "answered" and state or "answering", "updated_at", a.now)
    call("HINCRBY", message_of(id), "attempts", 1)
    local known = fields_of(session)
    return {
        fence = fence,
        session = known,
        message = fields_of(message_of(id)),
        history = history_of(a.user, id, known.conversation_since, a.history),
    }
end

function actions.renew(a)
    local held = {}
    for _, claim in ipairs(a.claims) do
        if holds(claim) then
            local known = call("HMGET", session_of(claim.user), "worker", "ticket")
            call("XCLAIM", INBOX, GROUP, known[1], 0, known[2], "JUSTID")
            table.insert(held, claim.fence)
        end
    end
    return { held = held }
end

function actions.release(a)
    for _, claim in ipairs(a.claims) do
        if holds(claim) then
            call("HSET", message_of(claim.message), "state", state_without_worker(claim.message))
            call("HINCRBY", message_of(claim.message), "attempts", -1)
            retire_ticket(claim.user)
            issue_ticket(claim.user)
        end
    end
end

function actions.save_reply(a)
    if not holds(a) then return { lost = true } end
    call("HSET", message_of(a.message), "state", "answered", "reply", a.reply, "updated_at", a.now)
    if a.timeline then call("HSET", message_of(a.message), "timeline", a.timeline) end
    return {}
end

function actions.finish(a)
    if not holds(a) then return { lost = true } end
    local message, session = message_of(a.message), session_of(a.user)
    local waiting_since = call("HGET", message, "waiting_since")
    call("HSET", message, "state", a.state, "updated_at", a.now)
    if a.reason then call("HSET", message, "reason", a.reason) end
    if a.timeline then call("HSET", message, "timeline", a.timeline) end
    call("EXPIRE", message, a.retention)
    call("ZREM", WAITING, a.message)
    call("ZREM", queue_of(a.user), a.message)
    call("HSET", session, "last_activity", a.now)
    call("ZADD", SESSIONS, a.now, a.user)
    call("HINCRBY", COUNTERS, a.state, 1)
    local more = call("EXISTS", queue_of(a.user)) == 1
    local finish = nil
    call("ZADD", ACTIVE, "XX", a.now, a.user)
    if a.state == "sent" then
        call("LPUSH", LATENCIES, tonumber(a.now) - tonumber(waiting_since))
        call("LTRIM", LATENCIES, 0, 999)
        call("LPUSH", REPLIED, a.message)
        call("LTRIM", REPLIED, 0, a.recent - 1)
        local said = cjson.decode(call("HGET", message, "reply") or "{}")
        if type(said.client_name) == "string" then call("HSET", session, "client_name", said.client_name) end
        if type(said.gender) == "string" then call("HSET", session, "gender", said.gender) end
        if type(said.phone_number) == "string" then call("HSET", session, "phone_number", said.phone_number) end
        if type(said.by) == "string" then call("HINCRBY", ANSWERED_BY, said.by, 1) end
        local phone = call("HGET", message, "phone")
        if phone and call("HEXISTS", session, "client_name") == 1 then
            call("ZADD", key("phone", phone), a.message, a.user)
            call("ZREMRANGEBYRANK", key("phone", phone), 0, -3)
            call("EXPIRE", key("phone", phone), a.retention)
        end
        if type(said.finish) == "string" then
            finish = said.finish
            if not more then
                call("HSET", session, "ended", "1")
                call("ZREM", ACTIVE, a.user)
            end
        end
    else
        call("ZADD", DEAD, a.now, a.message)
    end
    remember(a.user, a.retention)
    retire_ticket(a.user)
    if more then issue_ticket(a.user) end
    publish(a.message, a.state, finish, a.reason)
    return {}
end

function actions.save_summary(a)
    local session = session_of(a.user)
    if tonumber(call("HGET", session, "conversation_since") or -1) == tonumber(a.since) then
        call("HSET", session, "summary", a.summary, "summarised", a["until"])
    end
    return {}
end

local function note_question(asked, a)
    if call("EXISTS", session_of(asked.user)) == 0 then return end
    if call("HINCRBY", ASKED, asked.text, 1) == 1 then call("HSET", BORN, asked.text, number("question")) end
    call("HSET", ANSWERED, asked.text, asked.last)
    call("ZADD", ORDER, a.now, asked.text)
    call("HINCRBY", askers_of(asked.user), born(asked.text) .. "\t" .. asked.text, 1)
    call("EXPIRE", askers_of(asked.user), a.retention)
end

function actions.note_questions(a)
    for _, asked in ipairs(a.questions) do note_question(asked, a) end
    for _, old in ipairs(call("ZRANGE", ORDER, 0, -a.kept - 1)) do forget_question(old) end
    return {}
end

function actions.retry(a)
    if not call("ZSCORE", DEAD, a.message) or call("EXISTS", message_of(a.message)) == 0 then return { found = false } end
    try_again(a.message, a.now, a.retention)
    return { found = true }
end

function actions.drop(a)
    if not call("ZSCORE", DEAD, a.message) then return { found = false } end
    local user = call("HGET", message_of(a.message), "user_id")
    if user then
        call("LREM", said_of(user), 0, a.message)
        forget_message(user, a.message)
    end
    call("ZREM", DEAD, a.message)
    return { found = true }
end

function actions.clear(a)
    local existed = call("EXISTS", session_of(a.user)) == 1
    forget_asker(a.user)
    retire_ticket(a.user)
    for _, id in ipairs(call("LRANGE", said_of(a.user), 0, -1)) do
        if call("ZSCORE", WAITING, id) then publish(id, "failed", nil, "cleared") end
        forget_message(a.user, id)
    end
    call("DEL", session_of(a.user), queue_of(a.user), said_of(a.user))
    call("ZREM", SESSIONS, a.user)
    call("ZREM", ACTIVE, a.user)
    return { existed = existed }
end

-- What a worker has counted since its report before is added to what all have counted.
function actions.report(a)
    local before = cjson.decode(call("HGET", REPORTED, a.worker) or "{}")
    for name, count in pairs(cjson.decode(a.counts)) do
        local more = count - (before[name] or 0)
        if more ~= 0 then call("HINCRBYFLOAT", COUNTED, name, string.format("%.17g", more)) end
    end
    call("HSET", REPORTED, a.worker, a.counts)
    call("HSET", WORKERS, a.worker, a.report)
end

-- Close what is silent, remove what is old: a bounded number of each.
function actions.sweep(a)
    local closed, messages, removed = 0, 0, 0
    for _, user in ipairs(call("ZRANGEBYSCORE", ACTIVE, "-inf", "(" .. a.idle_since, "LIMIT", 0, a.limit)) do
        local known = call("HMGET", session_of(user), "last_activity", "ticket")
        if known[1] and tonumber(known[1]) >= tonumber(a.idle_since) then
            call("ZADD", ACTIVE, known[1], user)
        elseif not known[2] then
            if known[1] then call("HSET", session_of(user), "ended", "1") end
            call("ZREM", ACTIVE, user)
            closed = closed + 1
        end
    end
    for _, user in ipairs(call("ZRANGE", SESSIONS, 0, a.limit - 1)) do
        local ids = call("LRANGE", said_of(user), 0, 19)
        for _, id in ipairs(ids) do
            local known = call("HMGET", message_of(id), "state", "updated_at")
            local finished = known[1] == "sent" or known[1] == "failed" or known[1] == "expired"
            if known[1] and not (finished and tonumber(known[2]) < tonumber(a.gone_since)) then break end
            forget_message(user, id)
            call("LREM", said_of(user), 1, id)
            messages = messages + 1
        end
        local silent = tonumber(call("ZSCORE", SESSIONS, user)) < tonumber(a.gone_since)
        if silent and call("EXISTS", said_of(user)) == 0 then
            call("DEL", session_of(user), askers_of(user))
            call("ZREM", SESSIONS, user)
            call("ZREM", ACTIVE, user)
            removed = removed + 1
        end
    end
    call("ZREMRANGEBYSCORE", DEAD, "-inf", "(" .. a.gone_since)
    for _, hour in ipairs(call("HKEYS", RECEIVED)) do
        if tonumber(hour) < a.hour then call("HDEL", RECEIVED, hour) end
    end
    return { closed = closed, messages = messages, removed = removed }
end

local answer = actions[ARGV[1]](cjson.decode(ARGV[2]))
return answer and cjson.encode(answer)
