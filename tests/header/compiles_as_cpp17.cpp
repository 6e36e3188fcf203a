// Both headers alone, twice, and in two translation units of one program.
#include <lumicrop/lumicrop.h>
#include <lumicrop/lumicrop.hpp>

int header_compiles_as_cpp17();
int header_compiles_as_cpp17()
{
    return lumicrop::dtype_of<float>() == LUMICROP_F32 ? LUMICROP_OK : LUMICROP_INTERNAL;
}
