// oneDNN: a convolution or one of its gradients. Usage: onednn DIRECTION N H W C FILTERS KERNEL STRIDE PADDING GROUPS;
// threads by OMP_NUM_THREADS. Data are in the layout that the library wants, or channels last: the faster of the two
// counts, and no change of layout is inside the clock.
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "peer.h"

namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

struct Shape {
  std::string direction;
  int64_t n, h, w, c, filters, kernel, stride, padding, groups;
  int64_t outSize(int64_t size) const { return (size + 2 * padding - kernel) / stride + 1; }
  Dims src() const { return {n, c, h, w}; }
  Dims dst() const { return {n, filters, outSize(h), outSize(w)}; }
  Dims weights() const {
    const Dims dense{filters / groups, c / groups, kernel, kernel};
    return groups == 1 ? dense : Dims{groups, dense[0], dense[1], kernel, kernel};
  }
  // [kernel, kernel, c / groups, filters], striate's.
  Dims weightStrides() const {
    const int64_t in = c / groups;
    const Dims dense{1, filters, kernel * in * filters, in * filters};
    return groups == 1 ? dense : Dims{filters / groups, 1, filters, dense[2], dense[3]};
  }
};

const memory::data_type kFloat = memory::data_type::f32;

class Convolution {
 public:
  Convolution(const Shape& shape, Tag tag) : shape_(shape), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const memory::desc src(shape.src(), kFloat, tag);
    const memory::desc dst(shape.dst(), kFloat, tag);
    const memory::desc weights(shape.weights(), kFloat, Tag::any);
    const memory::desc bias({shape.filters}, kFloat, Tag::x);
    const Dims strides{shape.stride, shape.stride};
    const Dims padding{shape.padding, shape.padding};
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const auto kind =
        shape.direction == "forward" ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::convolution_forward::primitive_desc forward(engine_, kind, algorithm, src, weights, bias, dst, strides,
                                                            padding, padding);
#else
    const dnnl::convolution_forward::primitive_desc forward(
        dnnl::convolution_forward::desc(kind, algorithm, src, weights, bias, dst, strides, padding, padding), engine_);
#endif
    if (shape.direction == "forward") {
      primitive_ = dnnl::convolution_forward(forward);
      arguments_ = {{DNNL_ARG_SRC, memory(forward.src_desc(), engine_)},
                    {DNNL_ARG_WEIGHTS, memory(forward.weights_desc(), engine_)},
                    {DNNL_ARG_BIAS, memory(forward.bias_desc(), engine_)},
                    {DNNL_ARG_DST, memory(forward.dst_desc(), engine_)}};
    } else if (shape.direction == "backwardInput") {
#if DNNL_VERSION_MAJOR >= 3
      const dnnl::convolution_backward_data::primitive_desc backward(engine_, algorithm, src, weights, dst, strides,
                                                                     padding, padding, forward);
#else
      const dnnl::convolution_backward_data::primitive_desc backward(
          dnnl::convolution_backward_data::desc(algorithm, src, weights, dst, strides, padding, padding), engine_,
          forward);
#endif
      primitive_ = dnnl::convolution_backward_data(backward);
      arguments_ = {{DNNL_ARG_DIFF_DST, memory(backward.diff_dst_desc(), engine_)},
                    {DNNL_ARG_WEIGHTS, memory(backward.weights_desc(), engine_)},
                    {DNNL_ARG_DIFF_SRC, memory(backward.diff_src_desc(), engine_)}};
    } else {
#if DNNL_VERSION_MAJOR >= 3
      const dnnl::convolution_backward_weights::primitive_desc backward(engine_, algorithm, src, weights, dst, strides,
                                                                        padding, padding, forward);
#else
      const dnnl::convolution_backward_weights::primitive_desc backward(
          dnnl::convolution_backward_weights::desc(algorithm, src, weights, dst, strides, padding, padding), engine_,
          forward);
#endif
      primitive_ = dnnl::convolution_backward_weights(backward);
      arguments_ = {{DNNL_ARG_SRC, memory(backward.src_desc(), engine_)},
                    {DNNL_ARG_DIFF_DST, memory(backward.diff_dst_desc(), engine_)},
                    {DNNL_ARG_DIFF_WEIGHTS, memory(backward.diff_weights_desc(), engine_)}};
    }
    // The library frees what it allocated itself as soon as another handle is set: all memory is ours.
    for (auto& [id, tensor] : arguments_) {
      const auto bank = banks_.emplace(id, peer::Bank(count(tensor.get_desc())));
      tensor.set_data_handle(bank.first->second.next());
    }
  }

  void call() {
    for (const int changing : {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST}) {
      if (arguments_.count(changing) > 0) {
        arguments_[changing].set_data_handle(banks_.at(changing).next());
      }
    }
    run();
  }

  // The arrays of a call as bench/work.ts lists them, then filter and bias where they are weights.
  std::vector<float> verify(const float* arrays) {
    const auto give = [&](int id, const memory::desc& desc) {
      memory tensor(desc, engine_, const_cast<float*>(arrays));
      dnnl::reorder(tensor, arguments_[id]).execute(stream_, tensor, arguments_[id]);
      stream_.wait();
      arrays += count(desc);
    };
    const memory::desc src(shape_.src(), kFloat, Tag::nhwc);
    const memory::desc dst(shape_.dst(), kFloat, Tag::nhwc);
    const memory::desc weights(shape_.weights(), kFloat, shape_.weightStrides());
    memory::desc result = dst;
    int resultId = DNNL_ARG_DST;
    if (shape_.direction == "forward") {
      give(DNNL_ARG_SRC, src);
      give(DNNL_ARG_WEIGHTS, weights);
      give(DNNL_ARG_BIAS, memory::desc({shape_.filters}, kFloat, Tag::x));
    } else if (shape_.direction == "backwardInput") {
      give(DNNL_ARG_DIFF_DST, dst);
      give(DNNL_ARG_WEIGHTS, weights);
      result = src;
      resultId = DNNL_ARG_DIFF_SRC;
    } else {
      give(DNNL_ARG_SRC, src);
      give(DNNL_ARG_DIFF_DST, dst);
      result = weights;
      resultId = DNNL_ARG_DIFF_WEIGHTS;
    }
    run();
    std::vector<float> values(count(result));
    memory tensor(result, engine_, values.data());
    dnnl::reorder(arguments_[resultId], tensor).execute(stream_, arguments_[resultId], tensor);
    stream_.wait();
    return values;
  }

 private:
  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  static size_t count(const memory::desc& desc) { return desc.get_size() / sizeof(float); }

  Shape shape_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
  std::unordered_map<int, peer::Bank> banks_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 11) {
    return 2;
  }
  const auto number = [&](int index) { return std::atoll(words[index]); };
  const Shape shape{words[1],  number(2), number(3), number(4), number(5),
                    number(6), number(7), number(8), number(9), number(10)};
  auto wanted = std::make_unique<Convolution>(shape, Tag::any);
  auto last = std::make_unique<Convolution>(shape, Tag::nhwc);
  const bool plain = peer::probe([&] { last->call(); }) < peer::probe([&] { wanted->call(); });
  const std::unique_ptr<Convolution> chosen = std::move(plain ? last : wanted);
  const dnnl_version_t* version = dnnl_version();
  const std::string description = "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) +
                                  "." + std::to_string(version->patch) +
                                  (plain ? ", channels last" : ", its own layout");
  return peer::serve(
      description, [&](const float* arrays) { return chosen->verify(arrays); }, [&] { chosen->call(); });
}
