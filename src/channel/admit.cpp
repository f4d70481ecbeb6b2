/// One message in, held to what was agreed.
#include <scm/channel/channel.hpp>

namespace scm::inline v0_1 {

result<message, admission_error> channel::receive(mutable_buffers room, const admission& agreed,
                                                  const receive_options& options) noexcept {
  auto got = receive(room, agreed.most(), options);
  if (!got) return std::unexpected{admission_error{got.error()}};
  if (const auto admitted = admit(got->descriptors.view(), agreed); !admitted) {
    const refusal& why = admitted.error();
    return std::unexpected{admission_error{{why.code, got->descriptors.size(), agreed.most()}, why}};
  }
  return std::move(*got);
}

}  // namespace scm::inline v0_1
