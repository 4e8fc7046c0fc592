// What JavaScript passes to a function of the addon, and what it gets back.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "driver.hpp"

namespace {

class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env(env) { napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr); }

  double number(int i) const {
    double value;
    if (napi_get_value_double(env, values_[i], &value) != napi_ok) throw std::invalid_argument("a number is missing");
    return value;
  }
  Pointer pointer(int i) const { return Pointer(number(i)); }
  Handle handle(int i) const { return reinterpret_cast<Handle>(pointer(i)); }
  bool isNull(int i) const {
    napi_valuetype type;
    napi_typeof(env, values_[i], &type);
    return type == napi_null || type == napi_undefined;
  }
  std::string text(int i) const {
    size_t length = 0;
    if (napi_get_value_string_utf8(env, values_[i], nullptr, 0, &length) != napi_ok) throw std::invalid_argument("a text is missing");
    std::string text(length, '\0');
    napi_get_value_string_utf8(env, values_[i], text.data(), length + 1, &length);
    return text;
  }
  // The bytes of a typed array.
  std::pair<uint8_t*, size_t> bytes(int i) const {
    static constexpr size_t kSizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    napi_typedarray_type type;
    size_t length;
    void* data;
    if (napi_get_typedarray_info(env, values_[i], &type, &length, &data, nullptr, nullptr) != napi_ok) {
      throw std::invalid_argument("a typed array is missing");
    }
    return {static_cast<uint8_t*>(data), length * kSizes[type]};
  }

  const napi_env env;

 private:
  size_t count_ = 16;
  napi_value values_[16];
};

napi_value numberOf(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}
napi_value numberOf(napi_env env, Handle handle) { return numberOf(env, double(reinterpret_cast<uintptr_t>(handle))); }
napi_value textOf(napi_env env, const std::string& text) {
  napi_value result;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

}  // namespace
