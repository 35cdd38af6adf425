# compare.awk - two sides of the notes as a table: medians, the median ratio, its spread.
# In: row, unit, side, value, separated by tabs.  Variables: side, peer, title.

function sorted(text, values,    n, i, j, keep) {
    n = split(text, values, " ")
    for (i = 2; i <= n; i++) {
        keep = values[i] + 0
        for (j = i - 1; j >= 1 && values[j] + 0 > keep; j--)
            values[j + 1] = values[j]
        values[j + 1] = keep
    }
    return n
}

function median(text,    values, n) {
    n = sorted(text, values)
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function shown(text,    value, digits, tail) {
    if (text == "" || text ~ /absent/)
        return "absent"
    value = median(text)
    if (value < 100)
        return sprintf(value < 10 ? "%.2f" : "%.1f", value)
    digits = sprintf("%.0f", value)
    for (tail = ""; length(digits) > 3; digits = substr(digits, 1, length(digits) - 3))
        tail = "," substr(digits, length(digits) - 2) tail
    return digits tail
}

# The ratios of the rounds, in which both have a number.
function ratios_of(mine, theirs,    a, b, n, m, i, text) {
    n = split(mine, a, " ")
    m = split(theirs, b, " ")
    for (i = 1; i <= n && i <= m; i++)
        if (a[i] != "absent" && b[i] + 0 > 0)
            text = text " " a[i] / b[i]
    return text
}

$3 == side || $3 == peer {
    line = $1 "\t" $2
    if (!(line in is_known)) {
        is_known[line] = 1
        lines[++line_count] = line
    }
    numbers[line, $3] = numbers[line, $3] " " $4
}

END {
    printf "\n%s\n%-20s %-15s %15s %15s %7s   %s\n", title, "", "", side, peer, "ratio", "rounds'"
    for (l = 1; l <= line_count; l++) {
        split(lines[l], names, "\t")
        mine = numbers[lines[l], side]
        theirs = numbers[lines[l], peer]
        printf "%-20s %-15s %15s %15s", names[1] == last ? "" : names[1], names[2], shown(mine),
            shown(theirs)
        ratios = ratios_of(mine, theirs)
        if (ratios != "") {
            count = sorted(ratios, c)
            printf " %7.2f", median(ratios)
            if (count > 1)
                printf "   %.2f .. %.2f", c[1], c[count]
        }
        printf "\n"
        last = names[1]
    }
}
