// The arguments of a call from JavaScript, and the values that go back. Each argument is checked, and an error says which
// one is wrong.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels.hpp"

namespace evolve {

/** The arguments of one call. */
class Args {
 public:
  Args(napi_env env, napi_callback_info info) : env(env) {
    size_t count = kMost;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
  }

  napi_env env;

  bool isNull(int i) const {
    napi_valuetype type;
    napi_typeof(env, values_[i], &type);
    return type == napi_null || type == napi_undefined;
  }

  double number(int i) const {
    double value;
    if (napi_get_value_double(env, values_[i], &value) != napi_ok) fail(i, "must be a number");
    return value;
  }

  int64_t integer(int i) const { return static_cast<int64_t>(number(i)); }

  std::string text(int i) const {
    size_t length;
    if (napi_get_value_string_utf8(env, values_[i], nullptr, 0, &length) != napi_ok) fail(i, "must be a string");
    std::string result(length, 0);
    napi_get_value_string_utf8(env, values_[i], result.data(), length + 1, &length);
    return result;
  }

  float* floats(int i, int64_t count) const { return array<float>(i, napi_float32_array, count); }
  int32_t* integers(int i, int64_t count) const { return array<int32_t>(i, napi_int32_array, count); }
  int8_t* int8s(int i, int64_t count) const { return array<int8_t>(i, napi_int8_array, count); }
  uint8_t* bytes(int i, int64_t count) const { return array<uint8_t>(i, napi_uint8_array, count); }

  float* floatsOrNull(int i, int64_t count) const { return isNull(i) ? nullptr : floats(i, count); }

  /** An array of typed arrays, each of `count` elements. */
  std::vector<float*> floatsList(int i, int64_t count) const {
    uint32_t length;
    if (napi_get_array_length(env, values_[i], &length) != napi_ok) fail(i, "must be an array");
    std::vector<float*> list(length);
    for (uint32_t j = 0; j < length; j++) {
      napi_value element;
      napi_get_element(env, values_[i], j, &element);
      list[j] = arrayOf<float>(i, element, napi_float32_array, count);
    }
    return list;
  }

  const Weight& weight(int i) const {
    void* data = nullptr;
    if (napi_get_value_external(env, values_[i], &data) != napi_ok) fail(i, "must be a weight");
    return *static_cast<Weight*>(data);
  }

  Compute compute(int i) const { return static_cast<Compute>(integer(i)); }

  /** A branch takes six arguments from i: a, b, rank, scaling, dropout, seed; or null and whatever. */
  bool branch(int i, int64_t in, int64_t out, Branch& branch) const {
    if (isNull(i)) return false;
    branch.rank = integer(i + 2);
    branch.a = floats(i, branch.rank * in);
    branch.b = floats(i + 1, out * branch.rank);
    branch.scaling = static_cast<float>(number(i + 3));
    branch.dropout = number(i + 4);
    branch.seed = static_cast<uint32_t>(integer(i + 5));
    return true;
  }

  [[noreturn]] void fail(int i, const std::string& what) const {
    throw std::invalid_argument("argument " + std::to_string(i) + " " + what);
  }

 private:
  static constexpr size_t kMost = 24;

  template <class T>
  T* array(int i, napi_typedarray_type wanted, int64_t count) const {
    return arrayOf<T>(i, values_[i], wanted, count);
  }

  template <class T>
  T* arrayOf(int i, napi_value value, napi_typedarray_type wanted, int64_t count) const {
    napi_typedarray_type type;
    size_t length;
    void* data;
    if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != wanted)
      fail(i, "is no typed array of the kind that is needed");
    if (static_cast<int64_t>(length) < count)
      fail(i, "must have " + std::to_string(count) + " elements, but has " + std::to_string(length));
    return static_cast<T*>(data);
  }

  napi_value values_[kMost];
};

inline napi_value toValue(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

inline napi_value toValue(napi_env env, bool truth) {
  napi_value value;
  napi_get_boolean(env, truth, &value);
  return value;
}

inline napi_value toValue(napi_env env, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

}  // namespace evolve
