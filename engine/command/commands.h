/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h: the subcommands of the program `engine`. Each takes argc and argv from its own name
 * on (argv[0] is the subcommand), writes messages to stderr and returns the exit status: 0, 1 for
 * an error, 2 for usage. */
#ifndef PAWL_ENGINE_COMMANDS_H
#define PAWL_ENGINE_COMMANDS_H

int run_main(int argc, char **argv);
int speculate_main(int argc, char **argv);
int chat_main(int argc, char **argv);
int embed_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int perplexity_main(int argc, char **argv);
int graph_main(int argc, char **argv);
int imatrix_main(int argc, char **argv);
int inspect_main(int argc, char **argv);
int pack_main(int argc, char **argv);
int profile_main(int argc, char **argv);
int quantize_main(int argc, char **argv);

#endif
