#include "lineup.hpp"

namespace bench {

std::vector<std::unique_ptr<contender>> lineup() {
  std::vector<std::unique_ptr<contender>> all;
  all.push_back(make_plain_c(baseline));
  all.push_back(make_plain_c(baseline_again));
  all.push_back(make_stream_c());
  all.push_back(make_batched_c(32));
  all.push_back(make_packed_c(32));
  all.push_back(make_scm());
  all.push_back(make_batched_scm(32));
  all.push_back(make_packed_scm(32));
#ifdef SCM_BENCH_KJ
  all.push_back(make_kj());
#endif
#ifdef SCM_BENCH_GLIB
  all.push_back(make_glib());
#endif
#ifdef SCM_BENCH_LIBUV
  all.push_back(make_libuv());
#endif
  return all;
}

std::string_view absent() noexcept {
  constexpr std::string_view all =
      ""
#ifndef SCM_BENCH_KJ
      ", kj (libcapnp-dev)"
#endif
#ifndef SCM_BENCH_GLIB
      ", GLib (libglib2.0-dev)"
#endif
#ifndef SCM_BENCH_LIBUV
      ", libuv (libuv1-dev)"
#endif
      ;
  return all.substr(all.empty() ? 0 : 2);
}

}  // namespace bench
