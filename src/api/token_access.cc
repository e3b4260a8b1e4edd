#include "api/token_access.h"

#include "model/check.h"
#include "runtime/clock.h"
#include "store/store.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <future>
#include <mutex>

namespace jobflow::api {
namespace {

constexpr std::string_view kPrefix = "jf_";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kTokenBytesMax = 256;

}  // namespace

std::string sha256_hex(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

std::string new_token_secret() {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, kSecretBytes> random{};
  check(RAND_bytes(random.data(), static_cast<int>(random.size())) == 1, "no random numbers");
  std::string secret(kPrefix);
  unsigned bits = 0;
  int held = 0;
  for (const unsigned char byte : random) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 6; held -= 6) {
      secret.push_back(kLetters[(bits >> (held - 6)) & 63]);
    }
  }
  secret.push_back(kLetters[(bits << (6 - held)) & 63]);
  OPENSSL_cleanse(random.data(), random.size());
  return secret;
}

TokenAccess::TokenAccess(std::vector<TokenRow> tokens, const runtime::Clock& clock)
    : clock_(clock), tokens_(std::move(tokens)) {}

Outcome<std::vector<TokenRow>> TokenAccess::read(store::Store& store) {
  auto promise = std::make_shared<std::promise<Outcome<std::vector<TokenRow>>>>();
  auto future = promise->get_future();
  store.list_tokens(
      [promise](Outcome<std::vector<TokenRow>> rows) { promise->set_value(std::move(rows)); });
  return future.get();
}

void TokenAccess::replace(std::vector<TokenRow> tokens) {
  const std::unique_lock lock(mutex_);
  tokens_ = std::move(tokens);
}

// Every token is compared, each in constant time: how long it takes tells nothing of any of them.
Outcome<runtime::Principal> TokenAccess::authenticate(std::string_view bearer_token) const {
  const Problem unknown{ProblemCode::unauthenticated, "the access token is unknown or expired"};
  if (bearer_token.empty() || bearer_token.size() > kTokenBytesMax) {
    return unknown;
  }
  const std::string hash = sha256_hex(bearer_token);
  const Instant now = clock_.now();
  const std::shared_lock lock(mutex_);
  const TokenRow* found = nullptr;
  for (const TokenRow& token : tokens_) {
    const bool same = token.sha256_hex.size() == hash.size() &&
                      CRYPTO_memcmp(token.sha256_hex.data(), hash.data(), hash.size()) == 0;
    if (same && (!token.expires.is_set() || token.expires > now)) {
      found = &token;
    }
  }
  if (found == nullptr) {
    return unknown;
  }
  return runtime::Principal{.name = "token:" + found->name, .role = found->role};
}

}  // namespace jobflow::api
