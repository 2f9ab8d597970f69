// SPDX-License-Identifier: Apache-2.0
// Training traces of the shared data, from the first weights to the last ones, bit for bit: a
// perceptron and a convolutional network on digits.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "sw/numerics/dot_product.h"
#include "sw/numerics/vector.h"
#include "tests/numerics/shared_float.h"

namespace npugen::numerics {
namespace {

using Codes = std::vector<uint16_t>;  // BF16
using Numbers = std::vector<Fp32>;

constexpr size_t kImages = 1437, kTestImages = 360, kPixels = 64, kClasses = 10;
constexpr uint32_t kProducts = 8;  // of a step

uint16_t ToBf16(Fp32 x) { return static_cast<uint16_t>(ToFormat(kBf16, x, Overflow::kInfinity)); }
Fp32 FromBf16(uint16_t code) { return FromFormat(kBf16, code); }
Codes ToBf16(const Numbers& numbers) {
  Codes codes;
  for (const Fp32 x : numbers) codes.push_back(ToBf16(x));
  return codes;
}
Fp32 Dot(const Codes& a, const Codes& w) { return DotProduct(kBf16, a, kBf16, w, kProducts); }
bool IsPositive(uint16_t code) { return IsLess(0, FromBf16(code)); }
Fp32 Relu(Fp32 x) { return IsLess(0, x) ? x : 0; }

/// Every `stride`-th element from `first` on.
Codes Column(const Codes& matrix, size_t first, size_t stride, size_t count) {
  Codes column(count);
  for (size_t i = 0; i < count; ++i) column[i] = matrix[first + i * stride];
  return column;
}
Codes Row(const Codes& matrix, size_t row, size_t size) {
  return Column(matrix, row * size, 1, size);
}
uint16_t Bf16SumOf(const Codes& codes) {
  PartialSums sums;
  for (const uint16_t code : codes) sums.Add(FromBf16(code));
  return ToBf16(sums.Total());
}

/// Softmax of `logits` less the right class, times `scale`; the probabilities into `p`.
Codes LossGradient(const Codes& logits, size_t label, Fp32 scale, Codes* p) {
  Fp32 largest = FromBf16(logits[0]);
  for (const uint16_t z : logits) largest = Maximum(largest, FromBf16(z));
  Numbers exponentials;
  for (const uint16_t z : logits)
    exponentials.push_back(Exponential(Subtract(FromBf16(z), largest)));
  const Fp32 sum = numerics::SumOf(exponentials);
  Codes gradient;
  for (size_t c = 0; c < logits.size(); ++c) {
    p->push_back(ToBf16(Divide(exponentials[c], sum)));
    const Fp32 wrong = Subtract(FromBf16(p->back()), c == label ? kFp32One : 0);
    gradient.push_back(ToBf16(Multiply(wrong, scale)));
  }
  return gradient;
}

void Append(Codes* all, const Codes& more) { all->insert(all->end(), more.begin(), more.end()); }

class Training : public SharedFloat {
 protected:
  void SetUp() override {
    SharedFloat::SetUp();
    if (IsSkipped()) return;
    const std::string models = npugen::testing::ReferenceFolder("digits");
    digits_ = models + "/digits/";
    if (models.empty() || !std::filesystem::exists(digits_ + "mlp_train/init_W1.bin")) {
      GTEST_SKIP() << npugen::testing::kNoReference;
    }
    for (const uint8_t pixel : ReadElements<uint8_t>(digits_ + "data/images.bin")) {
      images_.push_back(ToBf16(Divide(FromInteger(pixel), FromInteger(16))));
    }
    labels_ = ReadElements<uint8_t>(digits_ + "data/labels.bin");
    ASSERT_EQ(images_.size(), (kImages + kTestImages) * kPixels);
  }

  std::string digits_;
  Codes images_;
  std::vector<uint8_t> labels_;
};

TEST_F(Training, OfThePerceptron) {
  constexpr size_t kHidden = 32, kBatch = 32, kSteps = 200;
  constexpr Fp32 kRate = 0x3e800000, kScale = 0x3d000000;  // 1/4, 1/32
  const auto first = [&](const char* name) {
    return ReadElements<Fp32>(digits_ + "mlp_train/init_" + name + ".bin");
  };
  Numbers w1 = first("W1"), b1 = first("b1"), w2 = first("W2"), b2 = first("b2");
  const auto hidden = [&](const Codes& x, const Codes& w, const Codes& b) {
    Codes h;
    for (size_t o = 0; o < kHidden; ++o) {
      h.push_back(ToBf16(Relu(Add(Dot(x, Column(w, o, kHidden, kPixels)), FromBf16(b[o])))));
    }
    return h;
  };
  const auto logits = [&](const Codes& h, const Codes& w, const Codes& b) {
    Codes z;
    for (size_t o = 0; o < kClasses; ++o) {
      z.push_back(ToBf16(Add(Dot(h, Column(w, o, kClasses, kHidden)), FromBf16(b[o]))));
    }
    return z;
  };
  for (size_t step = 0; step < kSteps; ++step) {
    const Codes w1b = ToBf16(w1), b1b = ToBf16(b1), w2b = ToBf16(w2), b2b = ToBf16(b2);
    Codes x, h, z, p, d, u;
    for (size_t i = 0; i < kBatch; ++i) {
      const size_t image = (step * kBatch + i) % kImages;
      const Codes pixels = Row(images_, image, kPixels);
      const Codes activations = hidden(pixels, w1b, b1b);
      const Codes scores = logits(activations, w2b, b2b);
      const Codes gradient = LossGradient(scores, labels_[image], kScale, &p);
      for (size_t c = 0; c < kHidden; ++c) {
        u.push_back(IsPositive(activations[c]) ? ToBf16(Dot(gradient, Row(w2b, c, kClasses))) : 0);
      }
      Append(&x, pixels);
      Append(&h, activations);
      Append(&z, scores);
      Append(&d, gradient);
    }
    const auto weights = [&](const Codes& in, size_t ins, const Codes& out, size_t outs) {
      Codes gradient;
      for (size_t i = 0; i < ins; ++i) {
        const Codes column = Column(in, i, ins, kBatch);
        for (size_t o = 0; o < outs; ++o) {
          gradient.push_back(ToBf16(Dot(column, Column(out, o, outs, kBatch))));
        }
      }
      return gradient;
    };
    const auto biases = [&](const Codes& out, size_t outs) {
      Codes gradient;
      for (size_t o = 0; o < outs; ++o) gradient.push_back(Bf16SumOf(Column(out, o, outs, kBatch)));
      return gradient;
    };
    Codes g_w2 = weights(h, kHidden, d, kClasses), g_b2 = biases(d, kClasses);
    Codes g_w1 = weights(x, kPixels, u, kHidden), g_b1 = biases(u, kHidden);
    if (step == 0) {
      for (const auto& [name, tensor] :
           {std::pair("h", &h), std::pair("z", &z), std::pair("p", &p), std::pair("d", &d),
            std::pair("u", &u), std::pair("gW1", &g_w1), std::pair("gb1", &g_b1),
            std::pair("gW2", &g_w2), std::pair("gb2", &g_b2)}) {
        ASSERT_EQ(*tensor, Read<uint16_t>(std::string("mlp_train/step0_") + name)) << name;
      }
    }
    const auto update = [&](Numbers* master, const Codes& gradient) {
      for (size_t i = 0; i < master->size(); ++i) {
        (*master)[i] = StepOfSgd((*master)[i], FromBf16(gradient[i]), kRate);
      }
    };
    update(&w1, g_w1);
    update(&b1, g_b1);
    update(&w2, g_w2);
    update(&b2, g_b2);
  }
  EXPECT_EQ(w1, ReadFp32("mlp_train/final_W1"));
  EXPECT_EQ(b1, ReadFp32("mlp_train/final_b1"));
  EXPECT_EQ(w2, ReadFp32("mlp_train/final_W2"));
  EXPECT_EQ(b2, ReadFp32("mlp_train/final_b2"));
  Codes scores;
  for (size_t i = 0; i < kTestImages; ++i) {
    const Codes h = hidden(Row(images_, kImages + i, kPixels), ToBf16(w1), ToBf16(b1));
    Append(&scores, logits(h, ToBf16(w2), ToBf16(b2)));
  }
  EXPECT_EQ(scores, Read<uint16_t>("mlp_train/logits_test"));
}

/// Planes of one image or of several: height, width and channels, the last one runs fastest.
struct Planes {
  size_t side, channels;
  Codes codes;

  uint16_t At(int y, int x, size_t c) const {
    const int end = static_cast<int>(side);
    if (y < 0 || x < 0 || y >= end || x >= end) return 0;
    return codes[(static_cast<size_t>(y) * side + static_cast<size_t>(x)) * channels + c];
  }
};

/// Convolution 3 x 3 with padding 1; weights [out][ky][kx][in]. Without biases none are added.
Planes Convolved(const Planes& in, const Codes& weights, const Codes* biases, size_t out,
                 bool relu) {
  Planes result = {in.side, out, {}};
  const size_t taps = 9 * in.channels;
  for (int y = 0; y < static_cast<int>(in.side); ++y) {
    for (int x = 0; x < static_cast<int>(in.side); ++x) {
      Codes window;
      for (int k = 0; k < 9; ++k) {
        for (size_t c = 0; c < in.channels; ++c) {
          window.push_back(in.At(y + k / 3 - 1, x + k % 3 - 1, c));
        }
      }
      for (size_t o = 0; o < out; ++o) {
        Fp32 sum = Dot(window, Row(weights, o, taps));
        if (biases != nullptr) sum = Add(sum, FromBf16((*biases)[o]));
        result.codes.push_back(ToBf16(relu ? Relu(sum) : sum));
      }
    }
  }
  return result;
}

/// Largest of 2 x 2; which one it was into `places`.
Planes Pooled(const Planes& in, std::vector<uint16_t>* places) {
  Planes result = {in.side / 2, in.channels, {}};
  for (int y = 0; y < static_cast<int>(result.side); ++y) {
    for (int x = 0; x < static_cast<int>(result.side); ++x) {
      for (size_t c = 0; c < in.channels; ++c) {
        uint16_t best = 0;
        for (uint16_t k = 1; k < 4; ++k) {
          const auto value = [&](int i) {
            return FromBf16(in.At(2 * y + i / 2, 2 * x + i % 2, c));
          };
          if (IsLess(value(best), value(k))) best = k;
        }
        places->push_back(best);
        result.codes.push_back(in.At(2 * y + best / 2, 2 * x + best % 2, c));
      }
    }
  }
  return result;
}

/// Gradients in front of a pool and a ReLU: each to its place where the activation is above zero.
Planes Unpooled(const Planes& gradient, const std::vector<uint16_t>& places, size_t first,
                const Planes& activation) {
  Planes result = {activation.side, activation.channels, Codes(activation.codes.size())};
  for (size_t y = 0; y < gradient.side; ++y) {
    for (size_t x = 0; x < gradient.side; ++x) {
      for (size_t c = 0; c < gradient.channels; ++c) {
        const size_t i = (y * gradient.side + x) * gradient.channels + c;
        const size_t k = places[first + i];
        const size_t to = ((2 * y + k / 2) * result.side + 2 * x + k % 2) * result.channels + c;
        if (IsPositive(activation.codes[to])) result.codes[to] = gradient.codes[i];
      }
    }
  }
  return result;
}

/// Gradients of weights [out][ky][kx][in] over all images and positions, and of biases.
void WeightGradients(const std::vector<Planes>& outs, const std::vector<Planes>& ins,
                     Codes* weights, Codes* biases) {
  const size_t channels = outs[0].channels;
  for (size_t o = 0; o < channels; ++o) {
    Codes out;
    for (const Planes& planes : outs) {
      Append(&out, Column(planes.codes, o, channels, planes.side * planes.side));
    }
    for (int k = 0; k < 9; ++k) {
      for (size_t c = 0; c < ins[0].channels; ++c) {
        Codes in;
        for (const Planes& planes : ins) {
          const int side = static_cast<int>(planes.side);
          for (int i = 0; i < side * side; ++i) {
            in.push_back(planes.At(i / side + k / 3 - 1, i % side + k % 3 - 1, c));
          }
        }
        weights->push_back(ToBf16(Dot(out, in)));
      }
    }
    biases->push_back(Bf16SumOf(out));
  }
}

struct Parameters {
  Numbers master, velocity;

  explicit Parameters(Numbers start) : master(std::move(start)), velocity(master.size()) {}
  void Update(const Codes& gradient) {
    constexpr Fp32 kDecay = 0x3f600000, kRate = 0x3d800000;  // 7/8, 1/16
    for (size_t i = 0; i < master.size(); ++i) {
      master[i] = StepOfMomentum(master[i], FromBf16(gradient[i]), kRate, kDecay, velocity[i]);
    }
  }
};

TEST_F(Training, OfTheConvolutionalNetwork) {
  constexpr size_t kBatch = 16, kSteps = 180, kFirst = 8, kSecond = 16, kFlat = 64;
  constexpr Fp32 kScale = 0x3d800000;  // 1/16
  const char* const kNames[] = {"W1", "b1", "W2", "b2", "W3", "b3"};
  std::vector<Parameters> all;
  for (const char* name : kNames) {
    all.emplace_back(ReadFp32(std::string("cnn_train/init_") + name));
  }
  const auto compare = [&](const std::string& when) {
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].master, ReadFp32("cnn_train/" + when + "_" + kNames[i])) << when;
    }
  };
  for (size_t step = 0; step <= kSteps; ++step) {
    std::vector<Codes> w;
    for (const Parameters& parameters : all) w.push_back(ToBf16(parameters.master));
    Codes w2_turned;  // [in][ky][kx][out]
    for (size_t c = 0; c < kFirst; ++c) {
      for (size_t k = 0; k < 9; ++k) {
        for (size_t o = 0; o < kSecond; ++o) {
          w2_turned.push_back(w[2][(o * 9 + 8 - k) * kFirst + c]);
        }
      }
    }
    const auto logits = [&](const Codes& flat) {
      Codes z;
      for (size_t o = 0; o < kClasses; ++o) {
        z.push_back(ToBf16(Add(Dot(flat, Row(w[4], o, kFlat)), FromBf16(w[5][o]))));
      }
      return z;
    };
    if (step == kSteps) {
      Codes scores;
      for (size_t i = 0; i < kTestImages; ++i) {
        std::vector<uint16_t> places;
        const Planes x = {8, 1, Row(images_, kImages + i, kPixels)};
        const Planes p1 = Pooled(Convolved(x, w[0], &w[1], kFirst, true), &places);
        Append(&scores, logits(Pooled(Convolved(p1, w[2], &w[3], kSecond, true), &places).codes));
      }
      EXPECT_EQ(scores, Read<uint16_t>("cnn_train/logits_test"));
      break;
    }
    std::vector<Planes> xs, p1s, dz1s, dz2s;
    std::vector<uint16_t> argmax1, argmax2;
    Codes h1, p1, h2, p2, z, p, d, dp2, dz2, dp1, dz1;
    for (size_t i = 0; i < kBatch; ++i) {
      const size_t image = (step * kBatch + i) % kImages;
      xs.push_back({8, 1, Row(images_, image, kPixels)});
      const size_t first1 = argmax1.size(), first2 = argmax2.size();
      const Planes a1 = Convolved(xs.back(), w[0], &w[1], kFirst, true);
      p1s.push_back(Pooled(a1, &argmax1));
      const Planes a2 = Convolved(p1s.back(), w[2], &w[3], kSecond, true);
      const Planes pool2 = Pooled(a2, &argmax2);
      const Codes scores = logits(pool2.codes);
      const Codes gradient = LossGradient(scores, labels_[image], kScale, &p);
      Planes back = {2, kSecond, {}};
      for (size_t c = 0; c < kFlat; ++c) {
        back.codes.push_back(ToBf16(Dot(gradient, Column(w[4], c, kFlat, kClasses))));
      }
      dz2s.push_back(Unpooled(back, argmax2, first2, a2));
      const Planes back1 = Convolved(dz2s.back(), w2_turned, nullptr, kFirst, false);
      dz1s.push_back(Unpooled(back1, argmax1, first1, a1));
      Append(&h1, a1.codes);
      Append(&p1, p1s.back().codes);
      Append(&h2, a2.codes);
      Append(&p2, pool2.codes);
      Append(&z, scores);
      Append(&d, gradient);
      Append(&dp2, back.codes);
      Append(&dz2, dz2s.back().codes);
      Append(&dp1, back1.codes);
      Append(&dz1, dz1s.back().codes);
    }
    Codes g[6];
    WeightGradients(dz1s, xs, &g[0], &g[1]);
    WeightGradients(dz2s, p1s, &g[2], &g[3]);
    for (size_t o = 0; o < kClasses; ++o) {
      const Codes out = Column(d, o, kClasses, kBatch);
      for (size_t c = 0; c < kFlat; ++c) {
        g[4].push_back(ToBf16(Dot(out, Column(p2, c, kFlat, kBatch))));
      }
      g[5].push_back(Bf16SumOf(out));
    }
    if (step == 0) {
      for (const auto& [name, tensor] :
           {std::pair("h1", &h1), std::pair("p1", &p1), std::pair("h2", &h2), std::pair("p2", &p2),
            std::pair("z", &z), std::pair("p", &p), std::pair("d", &d), std::pair("dp2", &dp2),
            std::pair("dz2", &dz2), std::pair("dp1", &dp1), std::pair("dz1", &dz1),
            std::pair("argmax1", &argmax1), std::pair("argmax2", &argmax2), std::pair("gW1", &g[0]),
            std::pair("gb1", &g[1]), std::pair("gW2", &g[2]), std::pair("gb2", &g[3]),
            std::pair("gW3", &g[4]), std::pair("gb3", &g[5])}) {
        ASSERT_EQ(*tensor, Read<uint16_t>(std::string("cnn_train/step0_") + name)) << name;
      }
    }
    for (size_t i = 0; i < all.size(); ++i) all[i].Update(g[i]);
    if (step == 0) compare("after1");
    if (step == 4) compare("after5");
  }
  compare("final");
}

}  // namespace
}  // namespace npugen::numerics
