process.env["STRIATE_BACKEND"] = "reference";
const { declareFilter } = await import("./suite.js");

declareFilter();
