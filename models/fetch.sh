#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the networks of README's table from their public sources:
#
#     models/fetch.sh [FOLDER]      # FOLDER/NAME/model.tflite; default: $NPUGEN_SHARED_MODELS, else build/models
#     models/fetch.sh --list        # names, sources, licences; fetches nothing
#
# Each file is pinned to a commit and checked by its SHA-256; one that is there and right is not fetched again. Tests
# and benches find the folder by NPUGEN_SHARED_MODELS. Exit status: 0 all there, 1 some are missing (they are named), 2
# usage. NPUGEN_MODELS_URL is the host in the place of https://raw.githubusercontent.com (a mirror, file:///...).
set -euo pipefail

mlcommons=1afd2c9820f795965a6134facd0b4dfae41ef23f
cfu=7f8ec4147b39db98534f8a10f9ddb1c26aca5648
tflm=90b983c2b3f1480642e040bbd2ddb37b998f3424
coral=104342d2d3480b3e66203073dac24f4e2dbb4c41
tiny=benchmark/training
# name, repository, commit, path, licence, SHA-256
networks=(
  "resnet8_cifar10 mlcommons/tiny $mlcommons $tiny/image_classification/trained_models/pretrainedResnet_quant.tflite Apache-2.0 3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415"
  "kws_dscnn mlcommons/tiny $mlcommons $tiny/keyword_spotting/trained_models/kws_ref_model.tflite Apache-2.0 aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae"
  "vww_mobilenet mlcommons/tiny $mlcommons $tiny/visual_wake_words/trained_models/vww_96_int8.tflite Apache-2.0 597a384c8c2c8a1276f04702f25013b7838f2f814f1ca7c174d295b73e3d6b7b"
  "ad_autoencoder mlcommons/tiny $mlcommons $tiny/anomaly_detection/trained_models/ad01_int8.tflite Apache-2.0 87cf24194ef93d1d9b11a591d805526b98008e351655d29883c825c9c106ba24"
  "streaming_ww mlcommons/tiny $mlcommons $tiny/streaming_wakeword/trained_models/str_ww_ref_model.tflite Apache-2.0 3af8550895ba7d5c584277102b5075c52dcfa63ba9d2b2240f37c4e6abd5dd2b"
  "mobilenet_v2_224 google-coral/test_data $coral tf2_mobilenet_v2_1.0_224_ptq.tflite Apache-2.0 5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c"
  "mobilenet_v2_160_035 google/CFU-Playground $cfu common/src/models/mnv2/model_mobilenetv2_160_035.tflite Apache-2.0 030239860f26cb560e548960a23d77ce3291bea951c75df2cf6d0e3294d31ae1"
  "hps_320x240 google/CFU-Playground $cfu common/src/models/hps_model/hps_model_2022_01_05_74ops.tflite Apache-2.0 d93ecc415207fbc231139a620858b3102c3fb7376a64207fd5e01ff6457b7bbb"
  "micro_speech tensorflow/tflite-micro $tflm tensorflow/lite/micro/examples/micro_speech/models/micro_speech_quantized.tflite Apache-2.0 09e5e2a9dfb2d8ed78802bf18ce297bff54281a66ca18e0c23d69ca14f822a83"
  "hello_world tensorflow/tflite-micro $tflm tensorflow/lite/micro/examples/hello_world/models/hello_world_int8.tflite Apache-2.0 505ee4fae7fa46ab67bea4c08b4969eb3eb8b9114c50595ec4a29d9a27993202"
)
host=${NPUGEN_MODELS_URL:-https://raw.githubusercontent.com}

list=no
case "${1:-}" in
  --list) list=yes; shift ;;
  -*) sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
[ $# -le 1 ] || { echo "usage: $0 [FOLDER]" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-${NPUGEN_SHARED_MODELS:-$root/build/models}}

# download URL FILE
download() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --connect-timeout 10 --max-time 300 -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --timeout=30 --tries=2 -O "$2" "$1"
  else
    echo "neither curl nor wget is installed" >&2
    return 1
  fi
}

is_right() { [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status; }

missing=()
for network in "${networks[@]}"; do
  read -r name repository commit path licence sum <<<"$network"
  url=$host/$repository/$commit/$path
  if [ $list = yes ]; then
    printf '%-21s %s  %s\n' "$name" "$licence" "$url"
    continue
  fi
  file=$folder/$name/model.tflite
  if is_right "$file" "$sum"; then
    echo "$name: there"
    continue
  fi
  mkdir -p "$folder/$name"
  part=$(mktemp "$folder/$name/.fetch.XXXXXX")
  trap 'rm -f "$part"' EXIT
  if ! download "$url" "$part"; then
    missing+=("$name: $url cannot be fetched")
  elif ! is_right "$part" "$sum"; then
    missing+=("$name: what $url gives has another SHA-256 than $sum")
  else
    chmod 644 "$part"
    mv -f "$part" "$file"
    printf '%s\n' "model.tflite: $licence, https://github.com/$repository/blob/$commit/$path" >"$folder/$name/SOURCE"
    echo "$name: fetched ($licence, $repository)"
  fi
  rm -f "$part"
  rmdir "$folder/$name" 2>/dev/null || true
done
[ $list = yes ] && exit 0
if [ ${#missing[@]} -gt 0 ]; then
  echo "missing: ${#missing[@]} of ${#networks[@]} networks" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
echo "all ${#networks[@]} networks are in $folder: export NPUGEN_SHARED_MODELS=$folder"
