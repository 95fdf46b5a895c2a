process.env["STRIATE_BACKEND"] = "native";
const { declareFilter } = await import("./suite.js");

declareFilter();
