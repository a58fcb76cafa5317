// PostgreSQL by libpq. No call waits without a deadline: a network that swallows packets looks like a cut one.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/text.h"
#include "store/connection.h"
#include "store/postgres_values.h"
#include "store/reconnect.h"

namespace tessera::store {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Milliseconds kNetwork = 2s;  // how much later than the server's own deadline the answer may come
constexpr Milliseconds kMigration = 3'600'000ms;
constexpr Milliseconds kLook = 200ms;  // how often it is asked whether an answer is still needed
constexpr std::size_t kMostStatements = 256;

struct CloseConnection {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Answer = std::unique_ptr<PGresult, ClearResult>;

/// libpq ends its messages with a line end, and begins some lines anew.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : trim(text)) out += c == '\n' ? ' ' : c;
  return out;
}

/// False at the deadline.
bool wait_for(int socket, short events, SteadyTime deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{socket, events, 0};
    const int ready = poll(&one, 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

class Postgres final : public Connection {
 public:
  Postgres(std::string url, DatabaseOptions options) : url_(std::move(url)), options_(std::move(options)) {}

  Result<void> read_url() {
    char* wrong = nullptr;
    const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(PQconninfoParse(url_.c_str(), &wrong));
    if (!parsed) {
      const std::string why = wrong ? one_line(wrong) : "out of memory";
      PQfreemem(wrong);
      return fail(Code::Invalid, "database postgresql://…: {}: postgresql://USER:PASSWORD@HOST:PORT/NAME expected",
                  why);
    }
    std::map<std::string, std::string> told;
    for (const PQconninfoOption* one = parsed.get(); one->keyword; ++one)
      if (one->val) told[one->keyword] = one->val;
    const auto part = [&](const char* name, std::string_view before) {
      return told.contains(name) ? std::string(before) + told[name] : std::string();
    };
    shown_ = "postgresql://" + part("user", "") + part("host", "@") + part("port", ":") + part("dbname", "/");
    return {};
  }

  Result<void> ready() override {
    if (connection_) {
      // What the server has said unasked, and be it its farewell, is noticed before a statement is given to it.
      pollfd socket{PQsocket(connection()), POLLIN, 0};
      const bool said = poll(&socket, 1, 0) > 0;
      if ((said && PQconsumeInput(connection()) == 0) || PQstatus(connection()) != CONNECTION_OK) drop();
    }
    if (connection_) return {};
    return reconnect_.attempt([this] {
      auto connected = connect();
      if (!connected) drop();
      return connected;
    });
  }

  Result<void> script(const std::string& sql) override { return script(sql, kMigration); }

  Result<std::uint64_t> each(std::string_view sql, std::span<const Value> values, const Take& take) override {
    if (!connection_) return fail(Code::Unavailable, "database {}: {}: the connection was cut", shown_, sql);
    std::vector<Parameter> parameters;
    for (const Value& value : values) {
      auto one = parameter_of(value);
      if (!one) return fail(one.error().code, "database {}: {}: {}", shown_, sql, one.error().what);
      parameters.push_back(*std::move(one));
    }
    const Answer answer = TRY(execute(sql, parameters));
    TRY(checked(answer.get(), sql));
    if (sql == "COMMIT" && std::string_view(PQcmdStatus(answer.get())) != "COMMIT")
      return fail(Code::Internal, "database {}: COMMIT of a transaction that had failed: it was rolled back", shown_);
    std::vector<Value> row(static_cast<std::size_t>(PQnfields(answer.get())));
    for (int at = 0; at < PQntuples(answer.get()); ++at) {
      for (int column = 0; column < PQnfields(answer.get()); ++column)
        row[static_cast<std::size_t>(column)] = value_at(answer.get(), at, column);
      take(Row(row));
    }
    const std::string_view changed = PQcmdTuples(answer.get());
    const auto count = value_of(20, changed);
    const auto* number = std::get_if<std::int64_t>(&count);
    return number && PQntuples(answer.get()) == 0 ? static_cast<std::uint64_t>(*number) : 0;
  }

  /// COPY, from so many rows on that it is worth the way by a table of the session's own.
  Result<bool> insert(std::string_view head, std::size_t columns, std::span<const Value> values,
                      std::string_view tail) override {
    const auto plan = copy_plan(head);
    if (!plan || values.size() / columns < options_.batch_rows) return false;
    std::string rows;
    for (std::size_t at = 0; at < values.size(); at += columns) TRY(append_copy_row(rows, values.subspan(at, columns)));
    TRY(script(plan->make, patience()));
    TRY(copy(plan->copy, rows));
    TRY(each(plan->insert + (tail.empty() ? "" : " ") + std::string(tail), {}, [](const Row&) {}));
    return true;
  }

  const Dialect& dialect() const override { return kPostgres; }
  const std::string& shown() const override { return shown_; }

 private:
  PGconn* connection() const { return connection_.get(); }
  Milliseconds patience() const { return options_.statement_timeout + kNetwork; }

  Result<void> script(const std::string& sql, Milliseconds patience) {
    const std::string shown = sql.substr(0, 80);
    if (!connection_ || PQsendQuery(connection(), sql.c_str()) == 0) return lost(shown);
    const Answer answer = TRY(finish(shown, patience));
    return checked(answer.get(), shown);
  }

  static Value value_at(const PGresult* answer, int row, int column) {
    if (PQgetisnull(answer, row, column)) return {};
    return value_of(PQftype(answer, column),
                    {PQgetvalue(answer, row, column), static_cast<std::size_t>(PQgetlength(answer, row, column))});
  }

  void drop() {
    connection_.reset();
    statements_.clear();
  }

  Error lost(std::string_view sql) {
    const std::string why = connection_ ? one_line(PQerrorMessage(connection())) : "the connection was cut";
    drop();
    return fail(Code::Unavailable, "database {}: {}: {}", shown_, sql, why.empty() ? "the connection was cut" : why);
  }

  Result<void> connect() {
    const std::string timeout = std::to_string(options_.statement_timeout.count());
    // What the URL says comes last: it stands above these.
    // A network that swallows packets is found dead within 5 s, whether a statement or its answer is under way: half
    // of what a lease lasts.
    const char* names[] = {"application_name", "client_encoding",  "keepalives_idle", "keepalives_interval",
                           "keepalives_count", "tcp_user_timeout", "dbname",          nullptr};
    const char* texts[] = {options_.application.c_str(), "UTF8", "3", "1", "2", "5000", url_.c_str(), nullptr};
    connection_.reset(PQconnectStartParams(names, texts, 1));
    const auto deadline = Clock::now() + options_.connect_timeout;
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
      if (!connection_ || PQstatus(connection()) == CONNECTION_BAD || state == PGRES_POLLING_FAILED)
        return fail_connect(connection_ ? PQerrorMessage(connection()) : "out of memory");
      if (!wait_for(PQsocket(connection()), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
        return fail_connect(fmt::format("no connection within {}", format_duration(options_.connect_timeout)));
      state = PQconnectPoll(connection());
    }
    PQsetnonblocking(connection(), 1);
    PQsetNoticeProcessor(connection(), [](void*, const char*) {}, nullptr);
    statements_.clear();
    // A transaction whose client has gone silent lets go of what it holds: another server may be waiting to lead.
    return script("SET statement_timeout = " + timeout + "; SET lock_timeout = " + timeout +
                      "; SET idle_in_transaction_session_timeout = 3000; SET TIME ZONE 'UTC'; SET bytea_output = 'hex'",
                  patience());
  }

  Error fail_connect(std::string_view why) const {
    const std::string text = one_line(why);
    const bool denied = text.find("authentication failed") != std::string::npos ||
                        text.find("no pg_hba.conf entry") != std::string::npos;
    const bool absent = text.find("database \"") != std::string::npos && text.ends_with("does not exist");
    return fail(denied   ? Code::Denied
                : absent ? Code::NotFound
                         : Code::Unavailable,
                "database {}: connect: {}{}", shown_, text,
                denied   ? ": check user, password and pg_hba.conf"
                : absent ? ": create it: docs/operations.md"
                         : "");
  }

  /// Until the network is ready; else the connection is dropped.
  Result<void> await(short events, SteadyTime deadline, std::string_view sql) {
    for (;;) {
      if (options_.needed && !options_.needed()) {
        drop();
        return fail(Code::Unavailable, "database {}: {}: no answer while one was needed", shown_, sql);
      }
      const auto look = options_.needed ? std::min(deadline, Clock::now() + kLook) : deadline;
      if (wait_for(PQsocket(connection()), events, look)) return {};
      if (Clock::now() < deadline) continue;
      drop();
      return fail(Code::Unavailable, "database {}: {}: no answer in time", shown_, sql);
    }
  }

  /// Sends what is left to send and waits for the last answer; an answer that is an error comes first.
  Result<Answer> finish(std::string_view sql, Milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    Answer out;
    for (;;) {
      const int unsent = PQflush(connection());
      if (unsent < 0) return lost(sql);
      if (unsent == 0 && PQisBusy(connection()) == 0) {
        Answer next(PQgetResult(connection()));
        if (!next) break;
        if (!out || PQresultStatus(out.get()) != PGRES_FATAL_ERROR) out = std::move(next);
        continue;
      }
      TRY(await(static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN), deadline, sql));
      if (PQconsumeInput(connection()) == 0) return lost(sql);
    }
    if (!out || PQstatus(connection()) != CONNECTION_OK) return lost(sql);
    return out;
  }

  Result<void> checked(const PGresult* answer, std::string_view sql) const {
    const auto status = PQresultStatus(answer);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return {};
    const auto field = [&](int which) {
      const char* text = PQresultErrorField(answer, which);
      return text ? std::string_view(text) : std::string_view();
    };
    const std::string_view state = field(PG_DIAG_SQLSTATE), advice = advice_for_state(state);
    return fail(code_of_state(state), "database {}: {}: {} ({}){}{}", shown_, sql.substr(0, 400),
                one_line(field(PG_DIAG_MESSAGE_PRIMARY)), state, advice.empty() ? "" : ": ", advice);
  }

  Result<void> copy(const std::string& sql, std::string_view rows) {
    if (PQsendQuery(connection(), sql.c_str()) == 0) return lost(sql);
    const auto deadline = Clock::now() + patience();
    for (;;) {
      if (PQflush(connection()) < 0) return lost(sql);
      if (PQisBusy(connection()) == 0) break;
      TRY(await(POLLIN, deadline, sql));
      if (PQconsumeInput(connection()) == 0) return lost(sql);
    }
    const Answer begun(PQgetResult(connection()));
    if (PQresultStatus(begun.get()) != PGRES_COPY_IN) {
      static_cast<void>(finish(sql, patience()));
      return checked(begun.get(), sql);
    }
    constexpr std::size_t kPiece = 1U << 20U;
    while (!rows.empty()) {
      const std::string_view piece = rows.substr(0, kPiece);
      const int put = PQputCopyData(connection(), piece.data(), static_cast<int>(piece.size()));
      if (put < 0) return lost(sql);
      if (put == 1) rows.remove_prefix(piece.size());
      if (put != 0) continue;
      TRY(await(POLLOUT, deadline, sql));
      if (PQflush(connection()) < 0) return lost(sql);
    }
    while (const int put = PQputCopyEnd(connection(), nullptr)) {
      if (put < 0) return lost(sql);
      if (put == 1) break;
    }
    const Answer answer = TRY(finish(sql, patience()));
    return checked(answer.get(), sql);
  }

  Result<Answer> execute(std::string_view sql, const std::vector<Parameter>& parameters) {
    std::string key(sql);
    std::vector<Oid> types;
    for (const Parameter& one : parameters) {
      types.push_back(one.type);
      key += fmt::format("|{}", one.type);
    }
    const auto known = statements_.find(key);
    std::string name = known == statements_.end() ? std::string() : known->second;
    const int count = static_cast<int>(parameters.size());
    if (name.empty()) {
      if (statements_.size() >= kMostStatements) {  // queries that are put together may come in many forms
        TRY(script("DEALLOCATE ALL", patience()));
        statements_.clear();
      }
      name = fmt::format("s{}", ++prepared_);
      if (PQsendPrepare(connection(), name.c_str(), numbered(sql).c_str(), count, types.data()) == 0) return lost(sql);
      const Answer answer = TRY(finish(sql, patience()));
      TRY(checked(answer.get(), sql));
      statements_.emplace(std::move(key), name);
    }
    std::vector<const char*> texts;
    std::vector<int> lengths, formats;
    for (const Parameter& one : parameters) {
      texts.push_back(one.null ? nullptr : one.text.c_str());
      lengths.push_back(static_cast<int>(one.text.size()));
      formats.push_back(one.binary ? 1 : 0);
    }
    if (PQsendQueryPrepared(connection(), name.c_str(), count, texts.data(), lengths.data(), formats.data(), 0) == 0)
      return lost(sql);
    return finish(sql, patience());
  }

  const std::string url_;
  const DatabaseOptions options_;
  std::string shown_;
  std::unique_ptr<PGconn, CloseConnection> connection_;
  std::map<std::string, std::string> statements_;  ///< names by text and types
  std::uint64_t prepared_ = 0;
  Reconnect reconnect_;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_postgres(const std::string& url, const DatabaseOptions& options) {
  auto connection = std::make_unique<Postgres>(url, options);
  TRY(connection->read_url());
  TRY(connection->ready());
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace tessera::store
