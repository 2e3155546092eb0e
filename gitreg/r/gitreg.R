# gitreg for R: a model registry that is just Git.
#
#   source(system("gitreg r", intern = TRUE))
#
# Needs R 3.5 or later and no package. Models are crates: functions with an environment of their own, saved as MLflow's
# R package saves them. Everything goes through the command gitreg: that of the option gitreg.python or of the variable
# GITREG_PYTHON (a Python that has gitreg), else the one on PATH. The registry is that of the option gitreg.registry,
# else the one gitreg finds by itself. docs/r.md tells the rest.

if (!exists(".gitreg_open", inherits = FALSE)) .gitreg_open <- new.env(parent = emptyenv())

# Make a crate: a function of a data.frame (and of params, if it has more arguments), with the values it needs.
#
# It sees those and R's base package alone, so that it does elsewhere what it does here: other functions are called as
# stats::predict(). With .parent = globalenv() it sees the attached packages, too. Functions among the values that were
# made at the prompt see the crate's values.
gitreg_crate <- function(fn, ..., .parent = baseenv()) {
  if (!is.function(fn) || is.primitive(fn)) .gitreg_stop("a crate is made of a function", .gitreg_make)
  values <- list(...)
  if (length(values) && (is.null(names(values)) || any(names(values) == "")))
    .gitreg_stop("a crate's values have names", .gitreg_make)
  env <- list2env(values, parent = .parent)
  for (name in names(values)) {
    value <- values[[name]]
    if (is.function(value) && !is.primitive(value) && identical(environment(value), globalenv())) {
      environment(value) <- env
      assign(name, .gitreg_without_source(value), envir = env)
    }
  }
  fn <- .gitreg_without_source(fn)
  environment(fn) <- env
  structure(fn, class = "crate")
}

print.crate <- function(x, ...) {
  cat("<crate>", paste(names(formals(x)), collapse = ", "), "\n")
  print(unclass(x), ...)
  invisible(x)
}

# Start a run: what is logged belongs to it until gitreg_end_run(). It is kept in this R session until then.
gitreg_start_run <- function(name = NULL, run_id = NULL, tags = list(), registry = getOption("gitreg.registry")) {
  if (!is.null(.gitreg_open$run)) .gitreg_stop(paste("run", .gitreg_open$run$id, "is open"), "gitreg_end_run() first")
  id <- if (is.null(run_id)) .gitreg_new_id() else run_id
  folder <- tempfile("gitreg-run-")
  dir.create(folder)
  .gitreg_open$run <- list(id = id, name = name, registry = registry, folder = folder, params = list(),
                           metrics = list(), tags = list(), models = list())
  gitreg_set_tags(tags)
  invisible(id)
}

gitreg_log_param <- function(key, value) gitreg_log_params(structure(list(value), names = key))

# Params are kept as text.
gitreg_log_params <- function(params) {
  run <- .gitreg_current()
  for (key in .gitreg_keys(params, "params")) {
    text <- .gitreg_as_text(params[[key]], key)
    if (!is.null(run$params[[key]]) && run$params[[key]] != text)
      .gitreg_stop(paste0("param ", key, " is ", run$params[[key]], " already"), "log it under another name")
    run$params[[key]] <- text
  }
  .gitreg_open$run <- run
  invisible(params)
}

gitreg_log_metric <- function(key, value, step = 0L) gitreg_log_metrics(structure(list(value), names = key), step)

# A metric keeps all its values, each with its step; the last one is the run's.
gitreg_log_metrics <- function(metrics, step = 0L) {
  run <- .gitreg_current()
  if (!is.numeric(step) || length(step) != 1L || is.na(step) || step != round(step))
    .gitreg_stop("a step is a whole number", "gitreg_log_metric(key, value, step = 1)")
  for (key in .gitreg_keys(metrics, "metrics")) {
    value <- metrics[[key]]
    if (!is.numeric(value) && !is.logical(value) || length(value) != 1L)
      .gitreg_stop(paste("metric", key, "is no number"), "log text as a param or a tag")
    point <- sprintf('{"step": %s, "value": %s, "time": "%s"}', format(step, scientific = FALSE),
                     .gitreg_number(value, '"'), format(Sys.time(), "%Y-%m-%dT%H:%M:%OS3Z", tz = "UTC"))
    run$metrics[[key]] <- c(run$metrics[[key]], point)
  }
  .gitreg_open$run <- run
  invisible(metrics)
}

gitreg_set_tag <- function(key, value) gitreg_set_tags(structure(list(value), names = key))

gitreg_set_tags <- function(tags) {
  run <- .gitreg_current()
  for (key in .gitreg_keys(tags, "tags")) run$tags[[key]] <- .gitreg_as_text(tags[[key]], key)
  .gitreg_open$run <- run
  invisible(tags)
}

# End the run as "finished", "failed" or "abandoned": one commit, then what was asked to be registered or pushed is.
# Gives a list: id, ref ("run:ID"), models (their references) and versions (those they became, as "churn@v1.0.0").
# Where that fails the run stays open.
gitreg_end_run <- function(status = "finished", push = FALSE) {
  run <- .gitreg_current()
  params <- file.path(run$folder, "params.json")
  metrics <- file.path(run$folder, "metrics.json")
  .gitreg_write(params, .gitreg_object(vapply(run$params, .gitreg_quote, "")))
  .gitreg_write(metrics, .gitreg_object(vapply(run$metrics, .gitreg_array, "")))
  wishes <- if (status == "finished") Filter(function(model) !is.null(model$register_as), run$models) else list()
  alone <- length(run$models) == 1L && length(wishes) == 1L
  args <- c("commit", paste0("--run-id=", run$id), paste0("--params=", params), paste0("--metrics=", metrics),
            paste0("--status=", status), if (!is.null(run$name)) paste0("--name=", run$name),
            if (length(run$tags)) paste0("--tag=", names(run$tags), "=", unlist(run$tags)),
            if (push) "--push", if (alone) paste0("--as=", wishes[[1L]]$register_as))
  if (!length(run$models) && !length(run$params) && !length(run$metrics) && !length(run$tags))
    .gitreg_stop(paste("nothing was logged to run", run$id), "gitreg_log_model(), or gitreg_discard_run()")
  said <- .gitreg(c(args, "--quiet", "--", vapply(run$models, function(model) model$folder, "")), run$registry)
  .gitreg_open$run <- NULL
  unlink(run$folder, recursive = TRUE)
  ref <- paste0("run:", run$id)
  models <- vapply(run$models, function(model) paste0(ref, "/", model$path), "", USE.NAMES = FALSE)
  versions <- grep("@", setdiff(said, ref), value = TRUE, fixed = TRUE)
  if (!alone) {
    register <- function(model) {
      gitreg_register(paste0(ref, "/", model$path), model$register_as, registry = run$registry)
    }
    versions <- vapply(wishes, register, "")
  }
  invisible(structure(list(id = run$id, ref = ref, models = models, versions = unname(versions)), class = "gitreg_run"))
}

# Forget the open run as if it had not been started.
gitreg_discard_run <- function() {
  unlink(.gitreg_current()$folder, recursive = TRUE)
  .gitreg_open$run <- NULL
  invisible()
}

print.gitreg_run <- function(x, ...) {
  cat(c(x$ref, if (length(x$models)) x$models, if (length(x$versions)) paste("registered as", x$versions)), sep = "\n")
  invisible(x)
}

# Log a crate, or a fitted model whose class has a method of predict(), to the open run, or as a run of its own.
#
# input_example is a data.frame of some rows: the signature is what it and the predictions for it are. predict_args go
# to predict() with the model: list(type = "response"). register_as makes it a version of that model when the run ends.
gitreg_log_model <- function(model, artifact_path = "model", input_example = NULL, predict_args = list(),
                             register_as = NULL, metadata = list(), params = list(), metrics = list(), tags = list(),
                             name = NULL, push = FALSE, registry = getOption("gitreg.registry")) {
  own <- is.null(.gitreg_open$run)
  if (own) gitreg_start_run(name, registry = registry)
  logged <- FALSE
  if (own) on.exit(if (!logged && !is.null(.gitreg_open$run)) gitreg_discard_run())
  run <- .gitreg_current()
  if (any(vapply(run$models, function(known) known$path == artifact_path, TRUE)))
    .gitreg_stop(paste("run", run$id, "has a model at", artifact_path), "another artifact_path")
  folder <- file.path(run$folder, paste0("model-", length(run$models) + 1L))
  .gitreg_save(model, folder, input_example, predict_args, metadata, artifact_path, run$id)
  gitreg_log_params(params)
  gitreg_log_metrics(metrics)
  gitreg_set_tags(tags)
  run <- .gitreg_current()
  run$models <- c(run$models, list(list(path = artifact_path, folder = folder, register_as = register_as)))
  .gitreg_open$run <- run
  if (own) {
    ended <- gitreg_end_run(push = push)
    logged <- TRUE
    return(invisible(ended))
  }
  invisible(paste0("run:", run$id, "/", artifact_path))
}

# Write the model as a directory in MLflow Models format, outside any registry.
gitreg_save_model <- function(model, path, input_example = NULL, predict_args = list(), metadata = list()) {
  if (file.exists(path) && (!dir.exists(path) || length(list.files(path, all.files = TRUE, no.. = TRUE))))
    .gitreg_stop(paste(path, "is there already and not empty"), "name another folder")
  .gitreg_save(model, path, input_example, predict_args, metadata, "model", NULL)
  invisible(path)
}

# The crate that ref names ("churn@production", "churn@7", "run:ID"), fetched and verified; or that of the folder path.
# Loading runs no code of the crate; calling it does.
gitreg_load_model <- function(ref = NULL, path = NULL, registry = getOption("gitreg.registry")) {
  if (is.null(path) == is.null(ref))
    .gitreg_stop("one of ref and path is needed", 'gitreg_load_model("churn@production")')
  if (is.null(path)) {
    path <- tempfile("gitreg-model-")
    on.exit(unlink(path, recursive = TRUE))
    .gitreg(c("pull", "--quiet", "--", ref, path), registry)
  }
  .gitreg_read(path, if (is.null(ref)) path else ref)
}

# Make a run's model ("run:ID", "run:ID/PATH") the next version of model; gives it as "churn@v1.0.0".
gitreg_register <- function(ref, model, description = NULL, bump = NULL, version = NULL,
                            registry = getOption("gitreg.registry")) {
  if (inherits(ref, "gitreg_run")) ref <- ref$ref
  args <- c("register", if (!is.null(description)) paste0("--description=", description),
            if (!is.null(bump)) paste0("--bump=", bump), if (!is.null(version)) paste0("--version=", version))
  said <- .gitreg(c(args, "--quiet", "--", ref, model), registry)
  invisible(said[length(said)])
}

# From here on: what the functions above are made of.

.gitreg_make <- "gitreg_crate(function(data) ..., model = model)"

.gitreg_without_source <- function(fn) if (is.null(attr(fn, "srcref"))) fn else utils::removeSource(fn)

.gitreg_stop <- function(message, hint = "", status = NA_integer_) {
  text <- if (nzchar(hint)) paste0(message, "\n  hint: ", hint) else message
  stop(structure(class = c("gitreg_error", "error", "condition"),
                 list(message = text, call = NULL, problem = message, hint = hint, status = status)))
}

# Not of R's own random numbers: whoever trains has seeded those.
.gitreg_new_id <- function() {
  chance <- file("/dev/urandom", "rb", raw = TRUE)
  on.exit(close(chance))
  paste(format(readBin(chance, "raw", 16L)), collapse = "")
}

.gitreg_current <- function() {
  if (is.null(.gitreg_open$run)) .gitreg_stop("no run is open", "gitreg_start_run()")
  .gitreg_open$run
}

.gitreg_keys <- function(values, what) {
  if (!length(values)) return(character())
  if (is.null(names(values)) || any(names(values) == "" | is.na(names(values))))
    .gitreg_stop(paste(what, "have names"), paste0("list(name = value)"))
  names(values)
}

.gitreg_as_text <- function(value, key) {
  if (is.null(value) || !is.atomic(value))
    .gitreg_stop(paste("the value of", key, "is no text and no number"), "toString(value)")
  paste(as.character(value), collapse = ", ")
}

# The command: its words so far.
.gitreg_command <- function() {
  python <- getOption("gitreg.python", Sys.getenv("GITREG_PYTHON"))
  if (nzchar(python)) return(c(python, "-m", "gitreg"))
  found <- Sys.which("gitreg")
  if (!nzchar(found))
    .gitreg_stop("gitreg is not found on PATH", 'pip install gitreg, or options(gitreg.python = "/path/of/python")')
  unname(found)
}

# Run gitreg: the lines it prints. Its warnings become R's, its errors conditions of class gitreg_error.
.gitreg <- function(args, registry = NULL) {
  out <- tempfile()
  err <- tempfile()
  on.exit(unlink(c(out, err)))
  command <- .gitreg_command()
  args <- c(command[-1L], if (!is.null(registry)) c("-R", registry), args)
  # As bytes: in a locale without them R would spell letters out on the command line.
  args <- enc2utf8(args)
  Encoding(args) <- "bytes"
  status <- suppressWarnings(system2(command[[1L]], vapply(args, .gitreg_shell, "", USE.NAMES = FALSE), stdout = out,
                                     stderr = err, stdin = "/dev/null", env = "NO_COLOR=1"))
  said <- readLines(err, warn = FALSE, encoding = "UTF-8")
  for (line in grep("^warning: ", said, value = TRUE)) warning(sub("^warning: ", "", line), call. = FALSE)
  failed <- grep("^error: ", said)
  if (length(failed) || !status %in% c(0L, 75L)) {
    from <- if (length(failed)) said[failed[[1L]]:length(said)] else c(paste("error: gitreg ended with", status), said)
    hints <- grepl("^hint: ", from)
    .gitreg_stop(sub("^error: ", "", paste(from[!hints], collapse = "\n")),
                 paste(sub("^hint: ", "", from[hints]), collapse = "\n"), status)
  }
  readLines(out, warn = FALSE, encoding = "UTF-8")
}

# A word that the shell takes as it is. shQuote() would fail on bytes.
.gitreg_shell <- function(word) {
  found <- paste0("'", gsub("'", "'\\''", word, fixed = TRUE, useBytes = TRUE), "'")
  Encoding(found) <- "unknown"
  found
}

.gitreg_as_crate <- function(model, predict_args) {
  if (inherits(model, "crate") && is.function(model)) {
    if (length(predict_args))
      .gitreg_stop("predict_args are for models, not for a crate", "call predict() in the crate as you need it")
    return(model)
  }
  if (is.function(model)) .gitreg_stop("a function is no crate: what it needs would stay here", .gitreg_make)
  known <- vapply(class(model), function(name) is.function(utils::getS3method("predict", name, optional = TRUE)), TRUE)
  if (!any(known) && !isS4(model))
    .gitreg_stop(paste("a", class(model)[[1L]], "is no model: there is no predict() for it"), .gitreg_make)
  gitreg_crate(function(data) do.call(stats::predict, c(list(model, data), predict_args)),
               model = model, predict_args = predict_args)
}

.gitreg_save <- function(model, path, example, predict_args, metadata, artifact_path, run_id) {
  crate <- .gitreg_as_crate(model, predict_args)
  dir.create(path, recursive = TRUE, showWarnings = FALSE)
  bytes <- serialize(crate, NULL)
  saveRDS(bytes, file.path(path, "crate.bin"))
  needs <- .gitreg_packages(crate)
  lines <- c(paste0("artifact_path: ", .gitreg_quote(artifact_path)), "flavors:", "  crate:", "    model: crate.bin",
             if (length(needs)) c("    packages:", paste0("      ", names(needs), ": ", .gitreg_quote(needs))),
             paste0("    r_version: ", .gitreg_quote(as.character(getRversion()))), "    version: 0.1.0")
  if (length(metadata)) {
    keys <- .gitreg_keys(metadata, "metadata")
    texts <- vapply(keys, function(key) .gitreg_as_text(metadata[[key]], key), "")
    lines <- c(lines, "metadata:", paste0("  ", .gitreg_quote(keys), ": ", .gitreg_quote(texts)))
  }
  if (!is.null(run_id)) lines <- c(lines, paste0("run_id: ", .gitreg_quote(run_id)))
  if (!is.null(example)) {
    if (!is.data.frame(example) || !length(example) || !nrow(example))
      .gitreg_stop("input_example is no data.frame with rows and columns", "input_example = head(data)")
    table <- .gitreg_table(example)
    .gitreg_write(file.path(path, "input_example.json"), table)
    .gitreg_write(file.path(path, "serving_input_example.json"), paste0('{"dataframe_split": ', table, "}"))
    lines <- c(lines, "saved_input_example_info:", "  artifact_path: input_example.json", "  pandas_orient: split",
               "  serving_input_path: serving_input_example.json", "  type: dataframe", "signature:",
               .gitreg_signature(unserialize(bytes), example))
  }
  lines <- c(lines, format(Sys.time(), "utc_time_created: '%Y-%m-%d %H:%M:%OS6'", tz = "UTC"))
  .gitreg_write(file.path(path, "MLmodel"), paste(lines, collapse = "\n"))
}

.gitreg_read <- function(path, called) {
  known <- file.path(path, "MLmodel")
  if (!file.exists(known)) .gitreg_stop(paste(called, "has no MLmodel"))
  lines <- readLines(known, warn = FALSE, encoding = "UTF-8")
  from <- grep("^ +crate:\\s*$", lines)
  if (!length(from))
    .gitreg_stop(paste(called, "is no crate: R cannot load it"), "gitreg predict REF -i FILE predicts with any model")
  inside <- lines[-seq_len(from[[1L]])]
  depth <- function(line) attr(regexpr("^ *", line), "match.length")
  inside <- inside[cumsum(depth(inside) <= depth(lines[[from[[1L]]]])) == 0L]
  value <- function(line) gsub("^ *[^:]*: *|['\" ]*$|(?<=: )['\"]", "", line, perl = TRUE)
  file <- value(grep("^ +model:", inside, value = TRUE))
  if (length(file) != 1L || basename(file) != file)
    .gitreg_stop(paste("MLmodel of", called, "names no file of a crate"))
  at <- grep("^ +packages:\\s*$", inside)
  packages <- if (length(at)) {
    below <- inside[-seq_len(at)]
    below <- below[cumsum(depth(below) <= depth(inside[[at]])) == 0L]
    sub("^ *['\"]?([A-Za-z0-9.]+)['\"]?:.*$", "\\1", below)
  }
  for (package in packages) {
    if (!requireNamespace(package, quietly = TRUE))
      .gitreg_stop(paste0(called, " needs the R package ", package, ", which is not installed"),
                   paste0("install.packages('", package, "')"))
  }
  found <- tryCatch({
    read <- readRDS(file.path(path, file))
    if (is.raw(read)) unserialize(read) else read
  }, error = function(error) {
    .gitreg_stop(paste0(file, " of ", called, " is no complete crate: ", conditionMessage(error)))
  })
  if (!is.function(found) || !inherits(found, "crate")) .gitreg_stop(paste(file, "of", called, "holds no crate"))
  found
}

# The packages that a crate needs, with their versions: those its code names as pkg::name, those of the classes of what
# it captured, and where it sees the attached ones, these.
.gitreg_packages <- function(crate) {
  base <- c("base", "compiler", "datasets", "grDevices", "graphics", "grid", "methods", "parallel", "splines", "stats",
            "stats4", "tcltk", "tools", "utils")
  found <- character()
  walk <- function(code) {
    if (is.call(code)) {
      head <- if (is.name(code[[1L]])) as.character(code[[1L]]) else ""
      if (head %in% c("::", ":::", "library", "require", "requireNamespace", "loadNamespace") && length(code) > 1L &&
          (is.character(code[[2L]]) || is.name(code[[2L]]) && head %in% c("::", ":::", "library", "require")))
        found <<- c(found, as.character(code[[2L]]))
    }
    # A place left empty, as in x[1, ], is no value that a name may have.
    if (is.recursive(code) && !is.environment(code) && !is.function(code)) {
      for (part in as.list(code)) if (!missing(part)) walk(part)
    }
  }
  look <- function(fn) {
    walk(body(fn))
    walk(formals(fn))
  }
  look(crate)
  env <- environment(crate)
  if (is.null(env)) env <- emptyenv()
  own <- !identical(env, globalenv()) && !identical(env, baseenv()) && !isNamespace(env)
  for (name in if (own) ls(env, all.names = TRUE)) {
    value <- get(name, envir = env)
    if (is.function(value) && !is.primitive(value)) look(value)
    for (class in class(value)) {
      method <- utils::getS3method("predict", class, optional = TRUE)
      if (is.function(method)) found <- c(found, environmentName(topenv(environment(method))))
    }
    if (!is.null(attr(class(value), "package"))) found <- c(found, attr(class(value), "package"))
  }
  while (!identical(env, emptyenv()) && !identical(env, baseenv())) {
    if (identical(env, globalenv())) {
      found <- c(found, .packages())
      break
    }
    env <- parent.env(env)
  }
  found <- sort(setdiff(unique(found), c(base, "", "R_GlobalEnv", ".GlobalEnv")), method = "radix")
  found <- found[grepl("^[A-Za-z][A-Za-z0-9.]*$", found)]
  vapply(found, function(name) tryCatch(as.character(utils::packageVersion(name)), error = function(error) ""), "")
}

.gitreg_signature <- function(crate, example) {
  inputs <- .gitreg_columns(example)
  outputs <- tryCatch(.gitreg_outputs(crate(example)), error = function(error) {
    warning("outputs stay undeclared: predicting on the input_example failed: ", conditionMessage(error), call. = FALSE)
    NULL
  })
  if (is.null(inputs)) return("  inputs: null")
  params <- .gitreg_params(crate)
  in_yaml <- function(text) paste0("'", gsub("'", "''", text, fixed = TRUE), "'")
  c(paste0("  inputs: ", in_yaml(inputs)), if (!is.null(outputs)) paste0("  outputs: ", in_yaml(outputs)),
    if (is.null(params)) "  params: null" else paste0("  params: ", in_yaml(params)))
}

# The arguments behind the first, as far as their defaults are one value: what callers may set.
.gitreg_params <- function(crate) {
  entries <- character()
  defaults <- as.list(formals(crate))[-1L]
  for (key in names(defaults)) {
    value <- tryCatch(eval(defaults[[key]], baseenv()), error = function(error) NULL)
    if (!is.atomic(value) || is.object(value) || length(value) != 1L || is.na(.gitreg_type(value))) next
    entries <- c(entries, sprintf('{"name": %s, "type": "%s", "default": %s, "shape": null}', .gitreg_quote(key),
                                  .gitreg_type(value), .gitreg_cells(value)))
  }
  if (length(entries)) paste0("[", paste(entries, collapse = ", "), "]")
}

.gitreg_type <- function(values) {
  if (is.factor(values) || is.character(values)) "string"
  else if (inherits(values, c("Date", "POSIXt"))) "datetime"
  else if (is.object(values)) NA_character_
  else switch(typeof(values), logical = "boolean", integer = "integer", double = "double", NA_character_)
}

.gitreg_columns <- function(data) {
  types <- vapply(data, .gitreg_type, "")
  if (anyNA(types)) {
    warning("no signature: it has no type for ", paste(names(data)[is.na(types)], collapse = ", "), call. = FALSE)
    return(NULL)
  }
  required <- ifelse(vapply(data, anyNA, TRUE), "false", "true")
  columns <- sprintf('{"type": "%s", "name": %s, "required": %s}', types, .gitreg_quote(names(data)), required)
  paste0("[", paste(columns, collapse = ", "), "]")
}

.gitreg_outputs <- function(found) {
  if (is.matrix(found) && !is.null(colnames(found))) found <- as.data.frame(found, optional = TRUE)
  if (is.data.frame(found)) return(.gitreg_columns(found))
  type <- .gitreg_type(if (is.object(found)) found else as.vector(found))
  if (is.na(type) || is.list(found)) return(NULL)
  if (!is.matrix(found)) return(sprintf('[{"type": "%s", "required": true}]', type))
  dtype <- c(boolean = "bool", integer = "int32", double = "float64", string = "str")[[type]]
  sprintf('[{"type": "tensor", "tensor-spec": {"dtype": "%s", "shape": [-1, %d]}}]', dtype, ncol(found))
}

.gitreg_table <- function(data) {
  cells <- vapply(data, function(values) .gitreg_cells(values), character(nrow(data)))
  dim(cells) <- c(nrow(data), length(data))
  rows <- apply(cells, 1L, .gitreg_array)
  paste0('{"columns": ', .gitreg_array(.gitreg_quote(names(data))), ', "data": ', .gitreg_array(rows), "}")
}

.gitreg_cells <- function(values) {
  gone <- is.na(values)
  cells <- if (inherits(values, "Date")) .gitreg_quote(format(values, "%Y-%m-%d"))
    else if (inherits(values, "POSIXt")) .gitreg_quote(format(values, "%Y-%m-%dT%H:%M:%OS6", tz = "UTC"))
    else if (is.logical(values)) ifelse(values, "true", "false")
    else if (is.numeric(values) && !is.factor(values)) vapply(as.vector(values), .gitreg_number, "", "")
    else .gitreg_quote(as.character(values))
  ifelse(gone, "null", cells)
}

# A number as JSON has it, to the last bit; what JSON lacks is a text between quotes, or where there are none 1e999.
.gitreg_number <- function(value, quotes = "") {
  value <- as.numeric(value)
  if (is.finite(value)) {
    short <- sprintf("%.15g", value)
    return(if (as.numeric(short) == value) short else sprintf("%.17g", value))
  }
  name <- if (is.na(value)) c("NaN", "null") else if (value > 0) c("Infinity", "1e999") else c("-Infinity", "-1e999")
  if (nzchar(quotes)) paste0(quotes, name[[1L]], quotes) else name[[2L]]
}

# Texts as JSON and YAML have them.
.gitreg_quote <- function(texts) {
  one <- function(text) {
    codes <- utf8ToInt(enc2utf8(text))
    if (is.na(text)) return("null")
    if (anyNA(codes)) .gitreg_stop("a text is not in UTF-8", "iconv()")
    plain <- codes >= 32L & codes != 34L & codes != 92L & (codes < 127L | codes > 159L) &
      !codes %in% c(0x2028L, 0x2029L, 0xFEFFL, 0xFFFEL, 0xFFFFL)
    parts <- vapply(codes, intToUtf8, "")
    parts[!plain] <- sprintf("\\u%04x", codes[!plain])
    paste0('"', paste(parts, collapse = ""), '"')
  }
  vapply(as.character(texts), one, "", USE.NAMES = FALSE)
}

.gitreg_array <- function(values) paste0("[", paste(values, collapse = ", "), "]")

.gitreg_object <- function(values) {
  if (!length(values)) return("{}")
  paste0("{", paste0(.gitreg_quote(names(values)), ": ", values, collapse = ", "), "}")
}

.gitreg_write <- function(path, text) writeBin(c(charToRaw(enc2utf8(text)), charToRaw("\n")), path)
