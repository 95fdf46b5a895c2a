// OpenBLAS: y[m, n] = a[m, k] * b[k, n]. Usage: openblas M N K; threads by OPENBLAS_NUM_THREADS.
#include <cblas.h>

#include "peer.h"

extern "C" char* openblas_get_config(void);

int main(int count, char** words) {
  if (count != 4) {
    return 2;
  }
  const int m = std::atoi(words[1]);
  const int n = std::atoi(words[2]);
  const int k = std::atoi(words[3]);
  const auto elements = [](int rows, int columns) { return static_cast<size_t>(rows) * static_cast<size_t>(columns); };
  std::vector<float> y(elements(m, n));
  const auto product = [&](const float* a, const float* b) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, b, n, 0, y.data(), n);
  };
  peer::Bank a(elements(m, k));
  peer::Bank b(elements(k, n));
  const std::string config = openblas_get_config();
  return peer::serve(
      config.substr(0, config.find(' ', config.find(' ') + 1)),
      [&](const float* arrays) {
        product(arrays, arrays + elements(m, k));
        return y;
      },
      [&] { product(a.next(), b.next()); });
}
