# The release build, run by npm install. One static library per instruction set, since its compiler flags must reach its
# own files only; one for everything portable; one addon. Which file belongs where: scripts/sources.cjs.
# Exceptions exist in the addon target only, where node-addon-api turns them into JavaScript errors.
{
  # Kernels call nothing that throws, and no exception passes through them: tables to unwind them by were 40 KB of 5 MB.
  "variables": { "striate_no_unwind": [ "-fno-asynchronous-unwind-tables", "-fno-unwind-tables" ] },
  "target_defaults": {
    "include_dirs": [ "native" ],
    "configurations": { "Release": { "defines": [ "NDEBUG" ] } },
    "cflags": [
      "-O3", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra"
    ],
    # Node's own defaults go: its C++ standard is too old, and run-time type information is kept in all targets so that
    # they agree. Contraction is off because the same source must round alike on every instruction set.
    "cflags_cc!": [ "-std=gnu++17", "-std=gnu++20", "-fno-rtti" ],
    "cflags_cc": [
      "-std=c++20", "-fvisibility-inlines-hidden", "-ffp-contract=off", "-fno-math-errno"
    ],
    # Windows: clang with the libraries of Visual Studio, since the kernels are written in the language of gcc and clang.
    "conditions": [
      [ "OS=='linux'", { "defines": [ "STRIATE_OLDEST_SYSTEM" ] } ],
      [ "OS=='win'", {
        "defines": [ "NOMINMAX", "WIN32_LEAN_AND_MEAN" ],
        "configurations": { "Release": { "msbuild_toolset": "ClangCL" } }
      } ]
    ],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "CLANG_CXX_LIBRARY": "libc++",
      "MACOSX_DEPLOYMENT_TARGET": "13.0",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
      "GCC_ENABLE_CPP_RTTI": "YES",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      # "inherited" are OTHER_CFLAGS: those of one target reach its C++ files through it alone.
      "OTHER_CPLUSPLUSFLAGS": [
        "$(inherited)", "-fvisibility-inlines-hidden", "-ffp-contract=off", "-fno-math-errno"
      ]
    },
    "msvs_settings": {
      "VCCLCompilerTool": {
        "Optimization": 2,
        "RuntimeTypeInfo": "true",
        "AdditionalOptions!": [ "-std:c++17" ],
        "AdditionalOptions": [ "/std:c++20", "/bigobj", "/clang:-ffp-contract=off", "/clang:-fno-math-errno" ]
      }
    }
  },
  "targets": [
    {
      "target_name": "striate_base",
      "type": "static_library",
      "sources": [ "<!@(node scripts/sources.cjs base)" ],
      "conditions": [
        [ "target_arch=='x64'", { "dependencies": [ "striate_sse2", "striate_avx2", "striate_avx512" ] } ],
        [ "target_arch=='arm64'", { "dependencies": [ "striate_neon" ] } ]
      ]
    },
    {
      "target_name": "striate",
      "sources": [ "<!@(node scripts/sources.cjs binding)" ],
      "dependencies": [
        "striate_base",
        "<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"
      ],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc!": [ "-fno-exceptions" ],
      "cflags_cc": [ "-fexceptions" ],
      "xcode_settings": { "GCC_ENABLE_CPP_EXCEPTIONS": "YES" },
      "msvs_settings": { "VCCLCompilerTool": { "ExceptionHandling": 1 } },
      "conditions": [
        [ "OS=='linux'", {
          "ldflags": [ "-pthread", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL" ]
        } ]
      ]
    }
  ],
  "conditions": [
    [ "target_arch=='x64'", {
      "targets": [
        {
          "target_name": "striate_sse2",
          "type": "static_library",
          "sources": [ "<!@(node scripts/sources.cjs sse2)" ],
          "cflags": [ "<@(striate_no_unwind)" ]
        },
        {
          "target_name": "striate_avx2",
          "type": "static_library",
          "sources": [ "<!@(node scripts/sources.cjs avx2)" ],
          "cflags": [ "<@(striate_no_unwind)", "-mavx2", "-mfma" ],
          "xcode_settings": { "OTHER_CFLAGS": [ "-mavx2", "-mfma" ] },
          "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": [ "-mavx2", "-mfma" ] } }
        },
        {
          "target_name": "striate_avx512",
          "type": "static_library",
          "sources": [ "<!@(node scripts/sources.cjs avx512)" ],
          "cflags": [ "<@(striate_no_unwind)", "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx2", "-mfma" ],
          "xcode_settings": {
            "OTHER_CFLAGS": [ "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx2", "-mfma" ]
          },
          "msvs_settings": {
            "VCCLCompilerTool": {
              "AdditionalOptions": [ "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx2", "-mfma" ]
            }
          }
        }
      ]
    } ],
    [ "target_arch=='arm64'", {
      "targets": [
        {
          "target_name": "striate_neon",
          "type": "static_library",
          "sources": [ "<!@(node scripts/sources.cjs neon)" ],
          "cflags": [ "<@(striate_no_unwind)" ]
        }
      ]
    } ]
  ]
}
