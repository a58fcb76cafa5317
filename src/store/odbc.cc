// Any database by unixODBC whose dialect is known: `odbc:DSN=name` or `odbc:DRIVER=…;SERVER=…`, as the driver manager
// takes it.
#include <sql.h>
#include <sqlext.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/text.h"
#include "store/connection.h"
#include "store/postgres_values.h"
#include "store/reconnect.h"

namespace tessera::store {
namespace {

template <SQLSMALLINT kType>
struct FreeHandle {
  void operator()(void* handle) const noexcept {
    if constexpr (kType == SQL_HANDLE_DBC) SQLDisconnect(handle);
    SQLFreeHandle(kType, handle);
  }
};
template <SQLSMALLINT kType>
using Handle = std::unique_ptr<void, FreeHandle<kType>>;

template <SQLSMALLINT kType>
Handle<kType> allocate(SQLHANDLE from) {
  SQLHANDLE out = nullptr;
  SQLAllocHandle(kType, from, &out);
  return Handle<kType>(out);
}

bool good(SQLRETURN result) { return SQL_SUCCEEDED(result) || result == SQL_NO_DATA; }

SQLCHAR* bytes_of(const std::string& text) {
  return const_cast<SQLCHAR*>(reinterpret_cast<const SQLCHAR*>(text.data()));
}

/// Words behind which a secret stands in a connection string.
std::string without_secrets(std::string_view url) {
  std::string out;
  for (const std::string_view part : split(url, ';')) {
    const std::string key = lower(trim(part.substr(0, part.find('='))));
    const bool secret = key == "pwd" || key == "password" || key == "odbc:pwd" || key == "odbc:password";
    out += fmt::format("{}{}", out.empty() ? "" : ";", secret ? fmt::format("{}=…", key) : std::string(part));
  }
  return out;
}

struct Diagnosis {
  std::string state;
  std::string text;
};
Diagnosis diagnosis(SQLSMALLINT type, SQLHANDLE handle) {
  SQLCHAR state[6] = {}, text[1024] = {};
  SQLINTEGER native = 0;
  SQLSMALLINT size = 0;
  if (!SQL_SUCCEEDED(SQLGetDiagRec(type, handle, 1, state, &native, text, sizeof text, &size)))
    return {"", "no reason given"};
  std::string line(reinterpret_cast<const char*>(text));
  std::ranges::replace(line, '\n', ' ');
  return {reinterpret_cast<const char*>(state), line};
}

/// A value that is bound to a statement: it stays where it is until the statement has run.
struct Bound {
  SQLLEN size = 0;
  std::int64_t integer = 0;
  double real = 0;
};
struct BindTo {
  SQLHSTMT statement;
  SQLUSMALLINT at;
  Bound& bound;
  SQLRETURN bind(SQLSMALLINT c_type, SQLSMALLINT type, SQLULEN length, void* data, SQLLEN size) const {
    bound.size = size;
    return SQLBindParameter(statement, at, SQL_PARAM_INPUT, c_type, type, length, 0, data, std::max<SQLLEN>(size, 0),
                            &bound.size);
  }
  SQLRETURN operator()(std::monostate) const {
    SQLSMALLINT type = SQL_VARCHAR;  // NULL too has a type: that of its column, where the driver can say it
    SQLULEN length = 1;
    SQLSMALLINT digits = 0, nullable = 0;
    SQLDescribeParam(statement, at, &type, &length, &digits, &nullable);
    return bind(SQL_C_CHAR, type, length, nullptr, SQL_NULL_DATA);
  }
  SQLRETURN operator()(std::int64_t value) const {
    bound.integer = value;
    return bind(SQL_C_SBIGINT, SQL_BIGINT, 0, &bound.integer, sizeof value);
  }
  SQLRETURN operator()(double value) const {
    bound.real = value;
    return bind(SQL_C_DOUBLE, SQL_DOUBLE, 0, &bound.real, sizeof value);
  }
  SQLRETURN operator()(const std::string& value) const {
    return bind(SQL_C_CHAR, SQL_VARCHAR, std::max<std::size_t>(value.size(), 1), bytes_of(value),
                static_cast<SQLLEN>(value.size()));
  }
  SQLRETURN operator()(const Blob& value) const {
    return bind(SQL_C_BINARY, SQL_LONGVARBINARY, std::max<std::size_t>(value.bytes.size(), 1), bytes_of(value.bytes),
                static_cast<SQLLEN>(value.bytes.size()));
  }
};

/// A column of any length, piece by piece; nothing where it is NULL.
std::optional<std::string> long_column(SQLHSTMT statement, SQLUSMALLINT at, SQLSMALLINT c_type) {
  std::string out;
  const std::size_t end = c_type == SQL_C_CHAR ? 1 : 0;  // texts end with a zero
  for (;;) {
    char piece[16'384];
    SQLLEN left = 0;
    const SQLRETURN result = SQLGetData(statement, at, c_type, piece, sizeof piece, &left);
    if (!SQL_SUCCEEDED(result)) return result == SQL_NO_DATA ? std::optional(std::move(out)) : std::nullopt;
    if (left == SQL_NULL_DATA) return std::nullopt;
    const bool all = left != SQL_NO_TOTAL && static_cast<std::size_t>(left) <= sizeof piece - end;
    out.append(piece, all ? static_cast<std::size_t>(left) : sizeof piece - end);
    if (all) return out;
  }
}

Value number_of(const std::string& text) {
  std::int64_t whole = 0;
  double real = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, whole).ptr == end) return whole;
  if (std::from_chars(text.data(), end, real).ptr == end) return real;
  return text;
}

Value column(SQLHSTMT statement, SQLUSMALLINT at, SQLSMALLINT type) {
  std::int64_t integer = 0;
  double real = 0;
  SQLLEN size = 0;
  switch (type) {
    case SQL_BIT:
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
      SQLGetData(statement, at, SQL_C_SBIGINT, &integer, sizeof integer, &size);
      return size == SQL_NULL_DATA ? Value() : Value(integer);
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
      SQLGetData(statement, at, SQL_C_DOUBLE, &real, sizeof real, &size);
      return size == SQL_NULL_DATA ? Value() : Value(real);
    case SQL_BINARY:
    case SQL_VARBINARY:
    case SQL_LONGVARBINARY: {
      auto bytes = long_column(statement, at, SQL_C_BINARY);
      return bytes ? Value(Blob{*std::move(bytes)}) : Value();
    }
    default: {
      auto text = long_column(statement, at, SQL_C_CHAR);
      if (!text) return {};
      if (type == SQL_NUMERIC || type == SQL_DECIMAL) return number_of(*text);
      return *std::move(text);
    }
  }
}

class Odbc final : public Connection {
 public:
  Odbc(std::string url, DatabaseOptions options)
      : url_(std::move(url)), shown_(without_secrets(url_)), options_(std::move(options)) {}

  Result<void> ready() override {
    SQLULEN dead = SQL_CD_FALSE;
    if (connection_) SQLGetConnectAttr(connection_.get(), SQL_ATTR_CONNECTION_DEAD, &dead, 0, nullptr);
    if (dead == SQL_CD_TRUE) drop();
    if (connection_) return {};
    return reconnect_.attempt([this] {
      auto connected = connect();
      if (!connected) drop();
      return connected;
    });
  }

  Result<void> script(const std::string& sql) override {
    for (const std::string& one : statements_of(sql)) TRY(each(one, {}, [](const Row&) {}));
    return {};
  }

  Result<std::uint64_t> each(std::string_view sql, std::span<const Value> values, const Take& take) override {
    if (!connection_) return fail(Code::Unavailable, "database {}: {}: the connection was cut", shown_, sql);
    if (sql == dialect_->begin || sql == "COMMIT" || sql == "ROLLBACK") return transact(sql);
    SQLHSTMT statement = TRY(prepared(sql));
    struct Close {
      SQLHSTMT statement;
      ~Close() {
        SQLFreeStmt(statement, SQL_CLOSE);
        SQLFreeStmt(statement, SQL_RESET_PARAMS);
      }
    } const close{statement};
    for (const Value& value : values)
      if (const auto* text = std::get_if<std::string>(&value); text && text->find('\0') != std::string::npos)
        return fail(Code::Internal, "database {}: {}: a text has a zero byte in it", shown_, sql);
    std::vector<Bound> bound(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!good(std::visit(BindTo{statement, static_cast<SQLUSMALLINT>(i + 1), bound[i]}, values[i])))
        return error(sql, SQL_HANDLE_STMT, statement);
    if (!good(SQLExecute(statement))) return error(sql, SQL_HANDLE_STMT, statement);
    SQLSMALLINT columns = 0;
    SQLNumResultCols(statement, &columns);
    if (columns == 0) {
      SQLLEN changed = 0;
      SQLRowCount(statement, &changed);
      return changed > 0 ? static_cast<std::uint64_t>(changed) : 0;
    }
    std::vector<SQLSMALLINT> types(static_cast<std::size_t>(columns));
    for (std::size_t i = 0; i < types.size(); ++i)
      SQLDescribeCol(statement, static_cast<SQLUSMALLINT>(i + 1), nullptr, 0, nullptr, &types[i], nullptr, nullptr,
                     nullptr);
    std::vector<Value> row(types.size());
    for (;;) {
      const SQLRETURN fetched = SQLFetch(statement);
      if (fetched == SQL_NO_DATA) return 0;
      if (!SQL_SUCCEEDED(fetched)) return error(sql, SQL_HANDLE_STMT, statement);
      for (std::size_t i = 0; i < types.size(); ++i)
        row[i] = column(statement, static_cast<SQLUSMALLINT>(i + 1), types[i]);
      take(Row(row));
    }
  }

  const Dialect& dialect() const override { return *dialect_; }
  const std::string& shown() const override { return shown_; }

 private:
  Error error(std::string_view what, SQLSMALLINT type, SQLHANDLE handle) {
    failed_ = true;
    const Diagnosis why = diagnosis(type, handle);
    const std::string_view advice = advice_for_state(why.state);
    return fail(code_of_state(why.state), "database {}: {}: {} ({}){}{}", shown_, what.substr(0, 400), why.text,
                why.state, advice.empty() ? "" : ": ", advice);
  }

  void drop() {
    statements_.clear();
    connection_.reset();
  }

  Result<void> connect() {
    if (!environment_) {
      environment_ = allocate<SQL_HANDLE_ENV>(nullptr);
      SQLSetEnvAttr(environment_.get(), SQL_ATTR_ODBC_VERSION, reinterpret_cast<SQLPOINTER>(SQL_OV_ODBC3), 0);
    }
    statements_.clear();
    connection_ = allocate<SQL_HANDLE_DBC>(environment_.get());
    const auto seconds = [](Milliseconds time) {
      return reinterpret_cast<SQLPOINTER>(static_cast<SQLULEN>(std::chrono::ceil<std::chrono::seconds>(time).count()));
    };
    SQLSetConnectAttr(connection_.get(), SQL_ATTR_LOGIN_TIMEOUT, seconds(options_.connect_timeout), 0);
    const std::string text = url_.substr(url_.find(':') + 1);
    const SQLRETURN result =
        SQLDriverConnect(connection_.get(), nullptr, bytes_of(text), static_cast<SQLSMALLINT>(text.size()), nullptr, 0,
                         nullptr, SQL_DRIVER_NOPROMPT);
    if (!SQL_SUCCEEDED(result)) return error("connect", SQL_HANDLE_DBC, connection_.get());
    SQLCHAR name[64] = {};
    SQLGetInfo(connection_.get(), SQL_DBMS_NAME, name, sizeof name, nullptr);
    return choose_dialect(reinterpret_cast<const char*>(name));
  }

  Result<void> choose_dialect(std::string_view product) {
    constexpr std::pair<std::string_view, const Dialect*> kProducts[] = {{"PostgreSQL", &kPostgres},
                                                                         {"Oracle", &kOracle}};
    for (const auto& [name, dialect] : kProducts)
      if (product.starts_with(name)) {
        dialect_ = dialect;
        return {};
      }
    return fail(Code::Invalid, "database {}: its product is '{}': PostgreSQL or Oracle expected", shown_, product);
  }

  Result<std::uint64_t> transact(std::string_view sql) {
    const auto autocommit = [&](SQLULEN on) {
      return good(
          SQLSetConnectAttr(connection_.get(), SQL_ATTR_AUTOCOMMIT, reinterpret_cast<SQLPOINTER>(on), SQL_IS_UINTEGER));
    };
    if (sql == dialect_->begin) {
      failed_ = false;
      if (!autocommit(SQL_AUTOCOMMIT_OFF)) return error(sql, SQL_HANDLE_DBC, connection_.get());
      return 0;
    }
    const bool undone = failed_ && sql == "COMMIT";
    const SQLRETURN ended =
        SQLEndTran(SQL_HANDLE_DBC, connection_.get(), sql == "COMMIT" && !undone ? SQL_COMMIT : SQL_ROLLBACK);
    if (!good(ended)) {
      const Error why = error(sql, SQL_HANDLE_DBC, connection_.get());
      drop();
      return why;
    }
    if (!autocommit(SQL_AUTOCOMMIT_ON)) return error(sql, SQL_HANDLE_DBC, connection_.get());
    if (undone)
      return fail(Code::Internal, "database {}: COMMIT of a transaction that had failed: it was rolled back", shown_);
    return 0;
  }

  Result<SQLHSTMT> prepared(std::string_view sql) {
    constexpr std::size_t kMost = 256;  // queries that are put together may come in many forms
    if (const auto known = statements_.find(sql); known != statements_.end()) return known->second.get();
    if (statements_.size() >= kMost) statements_.clear();
    auto statement = allocate<SQL_HANDLE_STMT>(connection_.get());
    if (!statement) return error(sql, SQL_HANDLE_DBC, connection_.get());
    const auto timeout =
        static_cast<SQLULEN>(std::chrono::ceil<std::chrono::seconds>(options_.statement_timeout).count());
    SQLSetStmtAttr(statement.get(), SQL_ATTR_QUERY_TIMEOUT, reinterpret_cast<SQLPOINTER>(timeout), 0);
    const std::string adapted = dialect_->adapted ? dialect_->adapted(sql) : std::string(sql);
    if (!good(SQLPrepare(statement.get(), bytes_of(adapted), static_cast<SQLINTEGER>(adapted.size()))))
      return error(sql, SQL_HANDLE_STMT, statement.get());
    return statements_.emplace(std::string(sql), std::move(statement)).first->second.get();
  }

  const std::string url_;
  const std::string shown_;
  const DatabaseOptions options_;
  const Dialect* dialect_ = &kPostgres;
  Handle<SQL_HANDLE_ENV> environment_;
  Handle<SQL_HANDLE_DBC> connection_;                                       ///< freed before the environment
  std::map<std::string, Handle<SQL_HANDLE_STMT>, std::less<>> statements_;  ///< freed before the connection
  bool failed_ = false;                                                     ///< something in this transaction
  Reconnect reconnect_;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_odbc(const std::string& url, const DatabaseOptions& options) {
  auto connection = std::make_unique<Odbc>(url, options);
  TRY(connection->ready());
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace tessera::store
