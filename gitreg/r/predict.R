# Answers for gitreg's Python: loads one crate, then predicts for what comes over a pipe until that is closed.
#
#   Rscript predict.R FILE IN OUT PACKAGES
#
# FILE holds the crate, IN and OUT are the numbers of open descriptors, PACKAGES those that the crate says it needs,
# with commas between. How values travel is told in gitreg/flavors/crate/columns.py. What is printed here, or by the crate,
# goes to stdout and stderr, which nobody reads for answers.

LOGICAL <- 1L; INTEGER <- 2L; DOUBLE <- 3L; CHARACTER <- 4L; FACTOR <- 5L; DATE <- 6L; POSIXCT <- 7L; ORDERED <- 8L
FRAME <- 1L; ARRAY <- 2L
FAILED <- 0L; READY <- 1L; VECTOR <- 2L; MATRIX <- 3L; TABLE <- 4L

given <- commandArgs(trailingOnly = TRUE)
options(warn = 1)
source_of <- file(paste0("/dev/fd/", given[[2]]), "rb", raw = TRUE)
channel <- file(paste0("/dev/fd/", given[[3]]), "wb", raw = TRUE)
answers <- NULL  # a buffer: what fails half way was never begun

read_integers <- function(n = 1L) {
  found <- readBin(source_of, "integer", n, size = 4L, endian = "little")
  if (length(found) < n) quit("no")  # whoever asked is gone
  found
}
read_doubles <- function(n) readBin(source_of, "double", n, size = 8L, endian = "little")
read_text <- function() {
  text <- rawToChar(readBin(source_of, "raw", read_integers()))
  Encoding(text) <- "UTF-8"
  text
}
read_column <- function() {
  head <- read_integers(2L)
  n <- head[[2]]
  switch(head[[1]],
    as.logical(read_integers(n)),
    read_integers(n),
    read_doubles(n),
    {
      gone <- read_integers(n)
      # All at once: a pipe is not buffered, and letter by letter would take seconds.
      found <- readBin(readBin(source_of, "raw", read_doubles(1L)), "character", n)
      Encoding(found) <- "UTF-8"
      found[gone == 1L] <- NA_character_
      found
    },
    read_factor(n, "factor"),
    as.Date(read_doubles(n), origin = "1970-01-01"),
    as.POSIXct(read_doubles(n), origin = "1970-01-01", tz = "UTC"),
    read_factor(n, c("ordered", "factor")))
}
read_factor <- function(n, class) {
  levels <- read_column()
  structure(read_integers(n), levels = if (is.character(levels)) levels else character(), class = class)
}
read_named <- function(n) {
  found <- list()
  for (i in seq_len(n)) {
    name <- read_text()
    found[[i]] <- read_column()
    names(found)[[i]] <- name
  }
  found
}
read_data <- function(kind) {
  head <- read_integers(2L)
  if (kind == FRAME) {
    columns <- read_named(head[[1]])
    return(structure(columns, names = if (length(columns)) names(columns) else character(),
                     row.names = .set_row_names(head[[2]]), class = "data.frame"))
  }
  size <- read_integers(head[[1]])
  found <- read_column()
  if (length(size) > 1L) dim(found) <- size
  found
}

write_integers <- function(...) writeBin(as.integer(c(...)), answers, size = 4L, endian = "little")
write_doubles <- function(x) writeBin(as.double(x), answers, size = 8L, endian = "little")
write_text <- function(text) {
  raw <- charToRaw(enc2utf8(text))
  write_integers(length(raw))
  writeBin(raw, answers)
}
kind_of <- function(x) {
  if (is.ordered(x)) ORDERED
  else if (is.factor(x)) FACTOR
  else if (inherits(x, "Date")) DATE
  else if (inherits(x, "POSIXt")) POSIXCT
  else if (is.object(x) && !inherits(x, "AsIs") && !inherits(x, "noquote") && !inherits(x, "table")) 0L
  else switch(typeof(x), logical = LOGICAL, integer = INTEGER, double = DOUBLE, character = CHARACTER, 0L)
}
write_column <- function(x) {
  kind <- kind_of(x)
  if (inherits(x, "POSIXlt")) x <- as.POSIXct(x)
  write_integers(kind, length(x))
  if (kind %in% c(FACTOR, ORDERED)) {
    write_column(levels(x))
    write_integers(unclass(x))
  } else if (kind == CHARACTER) {
    text <- enc2utf8(as.vector(x))
    write_integers(is.na(text))
    text[is.na(text)] <- ""
    write_doubles(sum(nchar(text, "bytes") + 1))
    writeBin(text, answers)
  } else if (kind %in% c(LOGICAL, INTEGER)) {
    write_integers(as.vector(x))
  } else {
    write_doubles(unclass(x))
  }
}
write_answer <- function(found) {
  if (is.list(found) && !is.data.frame(found) && !inherits(found, "POSIXlt")) {
    sizes <- lengths(found)
    if (is.null(names(found)) || !length(found) || any(sizes != sizes[[1]]))
      stop("the crate gave a list that is no table")
    found <- structure(unclass(found), row.names = .set_row_names(sizes[[1]]), class = "data.frame")
  }
  table <- is.data.frame(found)
  for (i in if (table) seq_along(found) else 0L) {
    part <- if (table) found[[i]] else found
    if (kind_of(part) == 0L || (table && length(part) != nrow(found)))
      stop(if (table) paste0("column ", names(found)[[i]], " of what the crate gave") else "what the crate gave",
           " is a ", class(part)[[1]], ", which Python has no like for")
  }
  if (table) {
    write_integers(TABLE, length(found), nrow(found))
    for (i in seq_along(found)) {
      write_text(names(found)[[i]])
      write_column(found[[i]])
    }
  } else if (length(dim(found)) > 2L) {
    stop("the crate gave an array of ", length(dim(found)), " dimensions, not of one or two")
  } else if (length(dim(found)) == 2L) {
    heads <- colnames(found)
    write_integers(MATRIX, nrow(found), ncol(found), length(heads))
    for (head in heads) write_text(head)
    write_column(found)
  } else {
    write_integers(VECTOR)
    write_column(found)
  }
}
answer <- function(write) {
  answers <<- rawConnection(raw(), "wb")
  on.exit(close(answers))
  write()
  writeBin(rawConnectionValue(answers), channel)
  flush(channel)
}
fail <- function(kind, text) {
  answer(function() {
    write_integers(FAILED)
    write_text(kind)
    write_text(text)
  })
}

sees_search_path <- function(env) {
  while (!is.null(env) && !identical(env, emptyenv()) && !identical(env, baseenv())) {
    if (identical(env, globalenv())) return(TRUE)
    env <- parent.env(env)
  }
  FALSE
}
load_crate <- function(path, packages) {
  for (package in packages) {  # what a crate captured may be of their classes: then their methods are needed
    if (!requireNamespace(package, quietly = TRUE)) return(fail("package", package))
  }
  found <- tryCatch({
    read <- readRDS(path)
    if (is.raw(read)) unserialize(read) else read
  }, error = identity)
  if (inherits(found, "error")) {
    text <- conditionMessage(found)
    kind <- if (grepl("there is no package called", text)) "load"
      else if (grepl("written by R|by experimental R|need R", text)) "version"
      else "damaged"
    return(fail(kind, text))
  }
  if (!is.function(found)) return(fail("other", paste("a", class(found)[[1]])))
  if (!inherits(found, "crate")) return(fail("other", "a function that is no crate"))
  if (sees_search_path(environment(found))) {
    for (package in packages) suppressPackageStartupMessages(library(package, character.only = TRUE))
  }
  found
}
call_crate <- function(crate, data, params) {
  takes <- names(formals(crate))
  taken <- if ("..." %in% takes) names(params) else intersect(names(params), takes[-1L])
  unknown <- setdiff(names(params), taken)
  if (length(unknown)) warning("params that the crate does not take are ignored: ", paste(unknown, collapse = ", "),
                               call. = FALSE)
  # By name: what a warning repeats of the call is short then.
  named <- lapply(taken, function(name) bquote(params[[.(name)]]))
  eval(as.call(c(quote(crate), quote(data), structure(named, names = taken))))
}

crate <- load_crate(given[[1]], if (length(given) > 3L) strsplit(given[[4]], ",", fixed = TRUE)[[1]] else character())
if (is.function(crate)) {
  answer(function() {
    write_integers(READY)
    write_text(as.character(getRversion()))
  })
  repeat {
    kind <- read_integers()
    data <- read_data(kind)
    params <- read_named(read_integers())
    failed <- tryCatch({
      found <- call_crate(crate, data, params)
      answer(function() write_answer(found))
      NULL
    }, error = identity)
    if (!is.null(failed)) fail("failed", conditionMessage(failed))
  }
}
